//! Whose driver is looked at: the product's package, that of the WaveCyclic driver, or an image and an INF of any other project.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::layout;
use crate::stop::Usage;
use crate::verbs::Options;
use crate::verbs::package::{self, Driver};

/// How the WaveCyclic driver of this workspace is named on the command line.
const CYCLIC: &str = "cyclic";

/// A driver, as the command line names it.
pub(crate) enum Subject {
    /// One of this workspace.
    Own(&'static Driver),
    /// One of another project, unsigned and in no package.
    Other {
        /// The image.
        driver: PathBuf,
        /// The INF that installs it.
        inf: PathBuf,
    },
}

impl Subject {
    /// Reads `--driver` and `--inf`.
    ///
    /// # Errors
    /// When they do not go together.
    pub(crate) fn of(options: &Options) -> Result<Self> {
        match (&options.driver, &options.inf) {
            (None, None) => Ok(Self::Own(&package::WAVERIG)),
            (Some(name), None) if name.as_os_str() == CYCLIC => Ok(Self::Own(&package::WAVECYC)),
            (Some(driver), Some(inf)) => Ok(Self::Other {
                driver: driver.clone(),
                inf: inf.clone(),
            }),
            _ => Err(Usage(format!(
                "--driver and --inf go together: the image, and the INF that installs it; or --driver {CYCLIC} alone"
            ))
            .into()),
        }
    }

    /// Whether it is what is shipped.
    pub(crate) fn is_product(&self) -> bool {
        matches!(self, Self::Own(driver) if driver.name == package::NAME)
    }

    /// The options that name it, each with a space before it.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Own(_) if self.is_product() => String::new(),
            Self::Own(_) => format!(" --driver {CYCLIC}"),
            Self::Other { driver, inf } => {
                format!(" --driver {} --inf {}", driver.display(), inf.display())
            }
        }
    }

    /// The folder of what is installed. The product's package is made when there is none, as by every verb; the WaveCyclic driver's is
    /// made anew once in a process, since no verb of its own does that.
    ///
    /// # Errors
    /// When it cannot be built, or a file cannot be read.
    pub(crate) fn prepare(&self, context: &Context) -> Result<PathBuf> {
        match self {
            Self::Own(driver) => {
                static MADE: AtomicBool = AtomicBool::new(false);
                let folder = driver.package(&context.layout);
                let stale = !self.is_product() && !MADE.swap(true, Ordering::Relaxed);
                if stale || !folder.is_dir() {
                    package::make_of(context, driver, None)?;
                }
                Ok(folder)
            }
            Self::Other { driver, inf } => {
                let folder = context.layout.rig().join("other").join(stem(driver));
                layout::fresh(&folder)?;
                let pdb = driver.with_extension("pdb");
                let pdb = pdb.is_file().then_some(&pdb);
                for file in [driver, inf].into_iter().chain(pdb) {
                    let name = file.file_name().unwrap_or(file.as_os_str());
                    fs::copy(file, folder.join(name))
                        .with_context(|| format!("cannot read {}", file.display()))?;
                }
                Ok(folder)
            }
        }
    }
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    stem.to_string_lossy().into_owned()
}

/// The bare name of a file.
pub(crate) fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(driver: Option<&str>, inf: Option<&str>, expect: Option<&str>) {
        let options = Options {
            driver: driver.map(PathBuf::from),
            inf: inf.map(PathBuf::from),
            ..Options::default()
        };
        let words = Subject::of(&options).ok().map(|subject| subject.words());
        assert_eq!(words.as_deref(), expect);
    }

    #[test]
    fn a_driver_is_named_as_it_is_asked_for() {
        check(None, None, Some(""));
        check(Some("cyclic"), None, Some(" --driver cyclic"));
        let both = " --driver a/x.sys --inf a/x.inf";
        check(Some("a/x.sys"), Some("a/x.inf"), Some(both));
        check(Some("a/x.sys"), None, None);
        check(None, Some("a/x.inf"), None);
    }
}
