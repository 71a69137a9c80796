//! This machine, and this program's package on it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use waverig_agent::windows::{certificate, device, package, services, system};
use waverig_protocol::hash;
use waverig_setup::decide::{Found, Machine as Facts, Node, Stored};
use waverig_setup::parcel::{Arch, Parcel, Release};
use waverig_setup::steps::Machine;
use waverig_setup::version;

use super::console::Console;
use super::trusted;

/// What this machine is.
pub(super) fn machine() -> Result<Facts> {
    let options =
        system::code_integrity().context("the kernel does not tell its code integrity options")?;
    Ok(Facts {
        elevated: system::elevated().context("Windows does not tell this program's rights")?,
        arch: Arch::of_machine(
            system::machine().context("Windows does not tell its architecture")?,
        ),
        build: system::Version::get().build,
        test_signing: options & system::TEST_SIGN != 0,
        secure_boot: system::secure_boot().ok().flatten(),
    })
}

/// The machine with this program's package, and who is told what happens.
pub(super) struct Here<'a> {
    parcel: Parcel,
    pub(super) console: &'a mut Console,
    /// Folder of this run's own with the package's files, and the packages that were kept.
    folder: Option<PathBuf>,
}

impl<'a> Here<'a> {
    pub(super) fn new(parcel: Parcel, console: &'a mut Console) -> Self {
        Self {
            parcel,
            console,
            folder: None,
        }
    }

    pub(super) fn release(&self) -> &Release {
        &self.parcel.release
    }

    fn certificate(&self) -> Option<&[u8]> {
        self.parcel.file(self.parcel.release.certificate.as_ref()?)
    }

    /// What its certificate is known by, when it has one.
    pub(super) fn certificate_hash(&self) -> Option<String> {
        self.certificate().map(hash::sha256)
    }

    /// What of the device is here.
    pub(super) fn found(&self) -> Result<Found> {
        let id = &self.release().hardware_id;
        let node = |node: device::Found| Node {
            instance: node.instance,
            service: node.service,
            version: node.version.and_then(|text| text.parse().ok()),
            trouble: node.trouble,
        };
        let stored = |name: String| Stored {
            version: package::text(&name)
                .ok()
                .and_then(|text| version::of_inf(&text)),
            name,
        };
        let stands_in = self.certificate().map(certificate::stands_in).transpose()?;
        Ok(Found {
            nodes: device::list(id)?.into_iter().map(node).collect(),
            stored: package::list(id)?.into_iter().map(stored).collect(),
            trusted_by_us: trusted::noted()?,
            trusted: stands_in.is_none_or(|stores| stores.len() == certificate::STORES.len()),
        })
    }

    /// Forgets what was noted for a removal that is over.
    pub(super) fn forget_notes(&mut self) -> Result<()> {
        trusted::forget()
    }

    /// A folder of this run's own below Windows' own one for such files, in which users cannot change what others have made.
    fn folder(&mut self) -> Result<PathBuf> {
        if let Some(folder) = &self.folder {
            return Ok(folder.clone());
        }
        let above = package::windows_folder()?.join("Temp");
        let folder = above.join(format!("waverig-setup-{}", std::process::id()));
        // One that is there already is somebody else's.
        fs::create_dir(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        self.folder = Some(folder.clone());
        for file in &self.parcel.files {
            let path = folder.join(&file.name);
            fs::write(&path, &file.bytes)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(folder)
    }

    fn inf(&mut self) -> Result<PathBuf> {
        Ok(self.folder()?.join(&self.parcel.release.inf))
    }

    fn kept(&mut self, name: &str) -> Result<PathBuf> {
        Ok(self.folder()?.join(format!("kept-{name}")))
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder
            && let Err(error) = fs::remove_dir_all(folder)
        {
            let text = format!("{} stays: {error}; it may be deleted", folder.display());
            self.console.say(&text);
        }
    }
}

impl Machine for Here<'_> {
    fn find(&mut self) -> Result<Found> {
        self.found()
    }

    fn trust(&mut self) -> Result<()> {
        let Some(der) = self.certificate() else {
            bail!("the package has no certificate of its own");
        };
        trusted::trust(der, &hash::sha256(der))
    }

    fn distrust(&mut self, but: &[String]) -> Result<()> {
        trusted::distrust(but)
    }

    fn make_node(&mut self) -> Result<String> {
        let inf = self.inf()?;
        let settings = waverig_protocol::device::Device::default();
        device::make(
            &inf.to_string_lossy(),
            &self.release().hardware_id,
            &settings,
        )
    }

    fn remove_node(&mut self, instance: &str) -> Result<bool> {
        device::remove(instance)
    }

    fn keep(&mut self, name: &str) -> Result<()> {
        let inf = package::place(name)?;
        let from = inf.parent().context("the driver store names no folder")?;
        let to = self.kept(name)?;
        copy(from, &to).with_context(|| format!("{} cannot be copied", from.display()))
    }

    fn store(&mut self) -> Result<String> {
        package::store(&self.inf()?)
    }

    fn install(&mut self) -> Result<bool> {
        package::install(&self.inf()?, &self.parcel.release.hardware_id)
    }

    fn install_kept(&mut self, name: &str) -> Result<bool> {
        let folder = self.kept(name)?;
        let is_inf = |path: &PathBuf| {
            path.extension()
                .is_some_and(|it| it.eq_ignore_ascii_case("inf"))
        };
        let mut files = fs::read_dir(&folder)?.flatten().map(|entry| entry.path());
        let inf = files.find(is_inf).context("it has no INF")?;
        package::install(&inf, &self.parcel.release.hardware_id)
    }

    fn forget(&mut self, name: &str) -> Result<()> {
        package::forget(name)
    }

    fn delete_service(&mut self, name: &str) -> Result<()> {
        services::delete(name)
    }

    fn say(&mut self, line: &str) {
        self.console.say(&format!("  {line}"));
    }
}

/// Copies the files of a folder; a driver store's has no others in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
