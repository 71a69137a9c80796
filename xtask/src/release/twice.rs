//! The second build: from a copy of the sources in another folder, by another user, in another time zone and language, with another
//! umask and another number of jobs. What differs is told in words.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use waverig_kit::{Arch, Invocation};
use waverig_release::difference;

use super::source;
use crate::context::Context;
use crate::layout;
use crate::verbs::package::{self, NAME};

/// A user that this host does not have.
const SOMEBODY: &str = "12345";

/// The conditions of the second build, in words.
pub(crate) struct Conditions {
    /// What differs from the first.
    pub(crate) differ: Vec<String>,
    /// What this host could not vary, and why.
    pub(crate) same: Vec<String>,
}

/// A file of both builds.
pub(crate) struct Compared {
    pub(crate) name: String,
    pub(crate) sha256: String,
    /// How they differ; `None` when they are equal.
    pub(crate) difference: Option<String>,
}

/// Builds once more and compares with what is in `first`.
///
/// # Errors
/// A copy that cannot be made or does not build; files that differ are no error but told.
pub(crate) fn compare(
    context: &Context,
    arch: Arch,
    first: &Path,
    names: &[String],
) -> Result<(Vec<Compared>, Conditions)> {
    // Other characters, another length.
    let place = context
        .layout
        .rig()
        .join("again")
        .join("ein anderer Ordner, größer");
    layout::fresh(&place)?;
    let copy = place.join("checkout");
    copy_sources(context, &copy)?;
    let (command, conditions) = invocation(context, arch, &copy)?;
    let output = context
        .exec
        .run(&command)
        .context("cannot start the second build")?;
    if !output.success() {
        bail!(
            "the second build failed, the first did not: see its messages above; its sources are in {}",
            copy.display()
        );
    }
    let second = copy.join("elsewhere/unsigned");
    let pdb = first.join(NAME).with_extension("pdb");
    let compare = |name: &String| {
        let (one, two) = (
            package::read(&first.join(name))?,
            package::read(&second.join(name))?,
        );
        Ok(Compared {
            name: name.clone(),
            sha256: waverig_package::Sha256Digest::of(&one).to_string(),
            difference: difference::explain(name, &one, &two, Some(&pdb)),
        })
    };
    let compared = names.iter().map(compare).collect::<Result<Vec<_>>>()?;
    if compared.iter().all(|file| file.difference.is_none()) {
        // What is equal need not be kept twice.
        layout::fresh(&place)?;
    }
    Ok((compared, conditions))
}

fn copy_sources(context: &Context, to: &Path) -> Result<()> {
    for file in source::files(context)? {
        let (from, to) = (context.layout.root().join(&file), to.join(&file));
        layout::make(to.parent().unwrap_or(Path::new(".")))?;
        fs::copy(&from, &to)
            .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    }
    Ok(())
}

/// The second build's command, and under which conditions it runs.
fn invocation(context: &Context, arch: Arch, copy: &Path) -> Result<(Invocation, Conditions)> {
    let this = env::current_exe().context("where is this program?")?;
    let home = copy.with_file_name("somebody's home");
    layout::make(&home)?;
    let mut words: Vec<OsString> = Vec::new();
    let mut differ = vec![format!("folder {}", copy.display())];
    let mut same = Vec::new();
    match another_user(context) {
        Ok(prefix) => {
            words.extend(prefix.into_iter().map(OsString::from));
            differ.push(format!("user {SOMEBODY}"));
        }
        Err(why) => same.push(format!("the user: {why}")),
    }
    if cfg!(unix) {
        // The mask is inherited; nothing but a shell sets it for another program.
        words.extend(["sh", "-c", r#"umask 077; exec "$0" "$@""#].map(OsString::from));
        differ.push("umask 077".into());
    }
    words.push(this.into());
    words.extend(
        ["release parts", "--arch", arch.name(), "--out"]
            .iter()
            .flat_map(|word| word.split(' '))
            .map(OsString::from),
    );
    words.push(copy.join("elsewhere").into());
    let mut rest = words.into_iter();
    let program = rest.next().unwrap_or_default();
    let mut command = Invocation::new(program)
        .args(rest)
        .cwd(copy)
        .inherit()
        .env("CARGO_MANIFEST_DIR", copy.join("xtask"))
        .env_remove("CARGO_TARGET_DIR");
    // Rust's own folders follow from the home folder unless they are named.
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        command = command.env(name, rust_folder(name, folder)?);
    }
    for (name, value) in [
        ("HOME", home.as_os_str()),
        ("USERPROFILE", home.as_os_str()),
        ("USER", "somebody".as_ref()),
        ("USERNAME", "somebody".as_ref()),
        ("LOGNAME", "somebody".as_ref()),
        ("TZ", "Pacific/Kiritimati".as_ref()),
        ("LC_ALL", "tr_TR.UTF-8".as_ref()),
        ("LANG", "tr_TR.UTF-8".as_ref()),
        ("CARGO_BUILD_JOBS", "3".as_ref()),
        // Compilers that stamp files with a time take this one.
        ("SOURCE_DATE_EPOCH", "1000000000".as_ref()),
    ] {
        command = command.env(name, value);
    }
    differ
        .extend(["home folder", "time zone +14", "language Turkish", "3 jobs"].map(str::to_owned));
    Ok((command, Conditions { differ, same }))
}

fn rust_folder(variable: &str, below_home: &str) -> Result<PathBuf> {
    let home = || env::home_dir().map(|home| home.join(below_home));
    let found = env::var_os(variable).map(PathBuf::from).or_else(home);
    found.with_context(|| format!("neither {variable} nor a home folder is known"))
}

/// What makes a program run as another user who may read and write what this one may.
fn another_user(context: &Context) -> Result<Vec<String>, String> {
    if cfg!(not(target_os = "linux")) {
        return Err("only Linux has user namespaces".into());
    }
    let map = [
        format!("--map-user={SOMEBODY}"),
        format!("--map-group={SOMEBODY}"),
    ];
    let prefix: Vec<String> = ["unshare", "--user"]
        .map(str::to_owned)
        .into_iter()
        .chain(map)
        .collect();
    let probe = Invocation::new(&prefix[0])
        .args(&prefix[1..])
        .args(["id", "--user"]);
    match context.exec.run(&probe) {
        Ok(output) if output.success() && output.stdout.trim() == SOMEBODY => Ok(prefix),
        Ok(output) => Err(format!(
            "`{}` failed: {}",
            probe.line(),
            output.stderr.trim()
        )),
        Err(error) => Err(format!("`{}`: {error}", probe.line())),
    }
}
