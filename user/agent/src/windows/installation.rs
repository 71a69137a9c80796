//! What a session does to the machine's devices, and undoes: staging, installation, removal, what is left.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::names;
use crate::state::Kept;
use anyhow::{Context as _, Result, bail};
use waverig_protocol::device::Device as Settings;
use waverig_protocol::{Installed, Reply, hash};

use super::endpoint::{self, Com};
use super::serve::Agent;
use super::{certificate, device, package, services};

impl Agent {
    fn staged(&self) -> PathBuf {
        self.home.join("staged")
    }

    /// Removes what an earlier session staged.
    pub(super) fn clear_staged(&self) -> Result<()> {
        match fs::remove_dir_all(self.staged()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{} cannot be removed", self.staged().display()))
            }
            _ => Ok(()),
        }
    }

    /// Keeps a file for the installation.
    pub(super) fn stage(&self, name: &str, bytes: &[u8]) -> Result<()> {
        if !names::is_bare(name) {
            bail!("{name:?} is no bare file name");
        }
        fs::create_dir_all(self.staged())?;
        let file = self.staged().join(name);
        fs::write(&file, bytes).with_context(|| format!("{} cannot be written", file.display()))
    }

    /// Makes the device nodes and installs the staged package on them. A refusal changes nothing.
    pub(super) fn install(
        &mut self,
        inf: &str,
        hardware_id: &str,
        settings: &Settings,
    ) -> Result<Reply> {
        if !self.kept.get().nodes.is_empty() {
            bail!("a device is installed already; remove it first");
        }
        let inf = self.staged().join(inf);
        if !inf.is_file() {
            bail!("{} was not staged", inf.display());
        }
        // What somebody else has installed is theirs, and what bears this hardware id from here on is the agent's to remove.
        if let Some(node) = device::list(hardware_id)?.first() {
            bail!(
                "{} is there and no agent made it; remove it first: pnputil /remove-device",
                node.instance
            );
        }
        if let Some(name) = package::list(hardware_id)?.first() {
            bail!(
                "{name} is in the driver store and no agent put it there; remove it first: pnputil /delete-driver"
            );
        }
        for name in services::AUDIO {
            let is_there = services::start(name);
            if !is_there.with_context(|| format!("no endpoint comes without {name}"))? {
                let line = format!("this Windows has no service {name}");
                self.host.send(&Reply::Log { line }, &[])?;
            }
        }
        match self.installed(&inf, hardware_id, settings) {
            Ok(installed) => Ok(Reply::Installed(installed)),
            Err(error) => match self.remove() {
                Ok(()) => Err(error),
                Err(left) => bail!("{error:#}; and it cannot be undone: {left:#}"),
            },
        }
    }
}

impl Agent {
    fn installed(
        &mut self,
        inf: &Path,
        hardware_id: &str,
        settings: &Settings,
    ) -> Result<Installed> {
        self.kept
            .change(|state| state.hardware_id = Some(hardware_id.to_owned()))?;
        for _ in 0..settings.nodes {
            let instance = device::make(&inf.to_string_lossy(), hardware_id, settings)?;
            self.kept.change(|state| state.nodes.push(instance))?;
        }
        package::store(inf)?;
        if package::install(inf, hardware_id)? {
            bail!("Windows wants a restart before the device works; restart, then install again");
        }
        let own = self.kept.get().nodes.clone();
        let nodes = device::list(hardware_id)?;
        let service = nodes.iter().find_map(|node| node.service.clone());
        self.kept
            .change(|state| state.service.clone_from(&service))?;
        let driver = service.map(|service| image(&service)).transpose()?;
        for node in nodes {
            if let Some(trouble) = node.trouble {
                let driver = match &driver {
                    Some((file, hash)) => {
                        format!("its driver is {}, SHA-256 {hash}", file.display())
                    }
                    None => "no service drives it".into(),
                };
                bail!(
                    "{} does not work: {trouble}; {driver}; INF\\setupapi.dev.log says more",
                    node.instance
                );
            }
        }
        let (_, driver_sha256) = driver.context("no service drives the device")?;
        let com = Com::start()?;
        let mut filters = 0;
        for node in &own {
            filters += device::links(node, &device::TOPOLOGY)?.len();
        }
        let found = endpoint::wait_for(&com, &own, filters)?;
        let endpoints = found.iter().map(|(_, one)| one.told());
        Ok(Installed {
            driver_sha256,
            endpoints: endpoints.collect::<Result<_>>()?,
        })
    }

    /// Removes what agents have installed, this one and one that could not clean up behind itself; that there is nothing is no error.
    pub(super) fn remove(&mut self) -> Result<()> {
        let Some(hardware_id) = self.kept.get().hardware_id.clone() else {
            return Ok(());
        };
        let mut restart = false;
        for node in device::list(&hardware_id)? {
            restart |= device::remove(&node.instance)?;
        }
        self.kept.change(|state| state.nodes.clear())?;
        for name in package::list(&hardware_id)? {
            package::forget(&name)?;
        }
        // The store forgets the package, and the service stays ("Using SetupAPI to Uninstall Devices and Driver Packages" names it not).
        if let Some(service) = self.kept.get().service.clone() {
            services::delete(&service)?;
        }
        self.kept.change(|state| {
            state.service = None;
            state.hardware_id = None;
        })?;
        if restart {
            let line = "Windows wants a restart before the driver is gone".into();
            self.host.send(&Reply::Log { line }, &[])?;
        }
        Ok(())
    }
}

/// What is on the machine of this driver and of what the agent did for it, a line each.
pub(super) fn left(kept: &Kept, hardware_id: &str) -> Result<Vec<String>> {
    let mut items = Vec::new();
    let mut drivers: Vec<String> = kept.get().service.iter().cloned().collect();
    for node in device::list(hardware_id)? {
        let state = node.trouble.map_or("works".into(), |trouble| trouble);
        items.push(format!("device {}: {state}", node.instance));
        drivers.extend(node.service);
    }
    for name in package::list(hardware_id)? {
        items.push(format!("package {name}"));
    }
    drivers.sort();
    drivers.dedup();
    for name in drivers {
        if let Some(image) = services::image(&name)? {
            items.push(format!("service {name}: {image}"));
        }
    }
    for der in &kept.get().certificates {
        for store in certificate::stands_in(der)? {
            let hash = hash::sha256(der);
            items.push(format!("certificate {hash} in {store}"));
        }
    }
    Ok(items)
}

/// The file of a driver's image, and its SHA-256.
fn image(service: &str) -> Result<(PathBuf, String)> {
    let path = services::image(service)?;
    let path = path.with_context(|| format!("there is no service {service}"))?;
    let file = names::image(&path, &package::windows_folder()?);
    let bytes = fs::read(&file).with_context(|| format!("{} is closed", file.display()))?;
    Ok((file, hash::sha256(&bytes)))
}
