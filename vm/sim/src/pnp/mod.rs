//! Plug and Play: a package is verified, installed and started on a root-enumerated device, and removed again.

mod blame;
mod bus;
mod channels;
mod constraints;
mod counts;
mod drivers;
mod formats;
mod inspect;
mod install;
mod instances;
mod jack;
mod members;
mod names;
pub(crate) mod node;
mod offers;
pub(crate) mod rules;
mod topology;
mod words;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use waverig_interface::TAP_INTERFACE;
use waverig_package::cert::{Certificate, Trust};
use waverig_package::inf::{InstallPlan, Target};
use waverig_package::package::{self, Verified, verify};
use waverig_package::{Arch, OsBuild, UnixTime};
use waverig_portcls::id::{KSCATEGORY_AUDIO, KSCATEGORY_TOPOLOGY};
use waverig_protocol::device::Device as Settings;
use waverig_protocol::inspection::Inspection;
use waverig_protocol::scenario::{Format, Sample};
use waverig_protocol::{Endpoint, Installed};

use crate::endpoints::{self, Built, Topology};
use crate::finding;
use crate::nt::interface;
use crate::nt::layout::{DeviceObject, Guid};
use crate::portcls::{adapter, guid_of, modes};
use crate::{fuzz, sched, user};
use node::{Node, State};

/// The Windows build that the machine plays: Windows 11 24H2.
const BUILD: OsBuild = OsBuild(26_100);

/// What a driver takes that proposes nothing, most likely.
const COMMON: Format = Format {
    rate: 48_000,
    channels: 2,
    sample: Sample::Pcm16,
};

/// A device with its driver installed and started.
pub struct Device {
    node: Rc<Node>,
    plan: InstallPlan,
    sha256: String,
    /// What was passed over in the INF.
    passed_over: Vec<String>,
    topology: Topology,
    built: Built,
}

impl Device {
    /// Installs the package in `folder` on a new device node whose hardware key already has `settings`, and starts it. `number`
    /// counts the nodes from 0.
    ///
    /// # Errors
    /// Why a Windows machine in test mode would refuse the package, or where starting the device failed.
    pub fn install(
        folder: &Path,
        inf: &str,
        hardware_id: &str,
        settings: &Settings,
        number: u8,
        certificates: &[Vec<u8>],
    ) -> Result<Self, String> {
        let mut trusted = Vec::new();
        for der in certificates {
            trusted.push(
                Certificate::from_der(der)
                    .map_err(|error| format!("a certificate to trust: {error}"))?,
            );
        }
        let trust = Trust::test_machine(&trusted, UnixTime::now());
        let target = Target {
            hardware_id,
            arch: Arch::Amd64,
            build: BUILD,
        };
        let verified =
            verify(folder, inf, &trust, &target).map_err(|refusal| refusal.to_string())?;
        let image = install::store(folder, &verified)?;
        Self::start(image, verified, settings, number)
    }

    /// Starts `driver` by `inf` as somebody has them lying about: unsigned, in no package. Without a hardware id it is the first that
    /// the INF lists.
    ///
    /// # Errors
    /// A file that cannot be read or followed, with its line, or where starting the device failed.
    pub fn try_out(driver: &Path, inf: &Path, hardware_id: Option<&str>) -> Result<Self, String> {
        let given = package::given(driver, inf, hardware_id, BUILD);
        let verified = given.map_err(|refusal| refusal.to_string())?;
        Self::start(driver.to_owned(), verified, &Settings::default(), 0)
    }

    fn start(
        image: PathBuf,
        verified: Verified,
        settings: &Settings,
        number: u8,
    ) -> Result<Self, String> {
        let mut device = Self {
            node: install::apply(image, &verified.plan, settings, number)?,
            plan: verified.plan,
            sha256: verified.image_sha256.to_string(),
            passed_over: verified.notes.iter().map(ToString::to_string).collect(),
            topology: Topology::default(),
            built: Built::default(),
        };
        device.look();
        Ok(device)
    }

    /// Lets the endpoint builder find the endpoints of the device, whatever it lacks.
    pub(crate) fn find_endpoints(&mut self) {
        self.topology = topology::of(self.node.pdo, &self.plan);
        self.built = endpoints::build(&self.topology);
    }

    /// Lets the endpoint builder look at the device.
    pub(crate) fn look(&mut self) {
        self.find_endpoints();
        for missing in &self.built.missing {
            let place = blame::place(missing, &self.topology, &self.plan, self.node.pdo);
            finding::raise(missing.rule, format!("{}; {place}", missing.text));
        }
        if self.built.endpoints.is_empty() {
            finding::raise(
                &endpoints::rules::NONE_LISTED,
                "the device offers no endpoint",
            );
        }
        constraints::check(self.node.pdo, &self.topology, &self.built);
        for endpoint in &self.built.endpoints {
            let filter = &self.topology.filters[endpoint.filter];
            if let Some(link) = link(self.node.pdo, &guid_of(&KSCATEGORY_AUDIO), &filter.name) {
                jack::check(&link, &filter.name, endpoint.pin);
            }
        }
        names::check(self.node.pdo, &self.plan, &self.topology);
        for filter in &self.topology.filters {
            if let Some(link) = link(self.node.pdo, &guid_of(&KSCATEGORY_TOPOLOGY), &filter.name) {
                channels::check(&link, &filter.name);
            }
        }
        let adapter = adapter::of_pdo(self.node.pdo);
        let subdevices: Vec<_> = adapter
            .iter()
            .flat_map(|adapter| adapter.subdevices())
            .collect();
        for subdevice in &subdevices {
            modes::check(subdevice);
        }
        for endpoint in &self.built.endpoints {
            let (wave, pin) = endpoint.host;
            let names = [wave, endpoint.filter].map(|filter| &self.topology.filters[filter].name);
            let [wave, topology] =
                names.map(|name| link(self.node.pdo, &guid_of(&KSCATEGORY_AUDIO), name));
            let host = subdevices.iter().find(|one| one.name == *names[0]);
            let proposed = wave.zip(host).and_then(|(link, host)| {
                instances::check(&link, host, pin);
                constraints::modes(self.node.pdo, host, pin);
                formats::check(&link, host, pin)
            });
            if let Some((link, proposed)) = topology.zip(proposed) {
                counts::check(&link, names[1], endpoint.pin, proposed);
            }
        }
    }

    /// What the host is told of the installation.
    pub fn installed(&self) -> Installed {
        let endpoints = self.built.endpoints.iter().map(|endpoint| {
            let filter = &self.topology.filters[endpoint.filter];
            let pin = &filter.pins[endpoint.pin as usize];
            let name = names::of_pin(self.node.pdo, pin);
            let name = name.unwrap_or_else(|| endpoint.form_factor.display_name().to_owned());
            Endpoint {
                name: format!("{name} ({})", self.plan.description),
                render: endpoint.render,
                form_factor: endpoint.form_factor.id().into(),
                filter: filter.name.clone(),
                most_channels: offers::most_channels(self.node.pdo, &self.topology, endpoint),
                proposed: offers::proposed(self.node.pdo, &self.topology, endpoint),
            }
        });
        Installed {
            driver_sha256: self.sha256.clone(),
            endpoints: endpoints.collect(),
        }
    }

    /// What the device offers, for people.
    pub fn inspect(&self) -> Inspection {
        inspect::of(self)
    }

    /// Where programs play to and capture from: by the number at the end of the filters' and taps' reference strings, or without
    /// taps in the order of the endpoints, the first of each direction on cable 1.
    ///
    /// # Errors
    /// When a filter of an endpoint has no interface.
    pub fn target(&self) -> Result<user::Target, String> {
        let mut target = user::Target::default();
        let class = tap_class();
        let taps: Vec<interface::Interface> = interface::list(Some(&class))
            .into_iter()
            .filter(|one| one.device == self.node.pdo && one.enabled)
            .collect();
        let mut before = [0, 0];
        for endpoint in &self.built.endpoints {
            let (filter, pin) = endpoint.host;
            let name = &self.topology.filters[filter].name;
            let wave = link(self.node.pdo, &guid_of(&KSCATEGORY_AUDIO), name)
                .ok_or_else(|| format!("the filter {name:?} has no interface"))?;
            let count = &mut before[usize::from(endpoint.render)];
            *count += 1;
            let cable = if taps.is_empty() {
                *count
            } else {
                number(name)
            };
            let cable = target.cables.entry(cable).or_default();
            let place = if endpoint.render {
                &mut cable.render
            } else {
                &mut cable.capture
            };
            place.get_or_insert(user::Place { wave, pin });
        }
        target.usual = self.usual(!taps.is_empty());
        for one in taps {
            let cable = target.cables.entry(number(&one.reference)).or_default();
            cable.tap.get_or_insert(one.link);
        }
        Ok(target)
    }

    /// How the first of its render endpoints is played to.
    fn usual(&self, own: bool) -> user::Usual {
        let Some(endpoint) = self.built.endpoints.iter().find(|one| one.render) else {
            return user::Usual::default();
        };
        let name = &self.topology.filters[endpoint.host.0].name;
        let subdevice = adapter::of_pdo(self.node.pdo).and_then(|one| one.subdevice(name));
        let bound = subdevice.and_then(|one| one.port.bound());
        let requests = bound.is_some_and(|bound| bound.cyclic.is_some());
        let proposed =
            || offers::proposed(self.node.pdo, &self.topology, endpoint).unwrap_or(COMMON);
        let format = if own { user::Usual::OWN } else { proposed() };
        user::Usual::of(format, requests)
    }

    /// The device's node, for what happens to it while programs use it.
    pub(crate) fn node(&self) -> &Rc<Node> {
        &self.node
    }

    /// Every filter and every tap that programs can open.
    ///
    /// # Errors
    /// As [`Self::target`].
    pub(crate) fn links(&self) -> Result<fuzz::Links, String> {
        let tap = tap_class();
        let of = |class: &Guid| {
            let all = interface::list(Some(class)).into_iter();
            all.filter(|one| one.device == self.node.pdo && one.enabled)
                .map(|one| one.link)
                .collect()
        };
        Ok(fuzz::Links {
            filters: of(&guid_of(&KSCATEGORY_AUDIO)),
            taps: of(&tap),
            target: self.target()?,
        })
    }

    /// Removes the device, unless that happened, and uninstalls it; what either leaves behind becomes findings.
    ///
    /// # Errors
    /// When the driver refuses to be removed or unloaded, or a program still has a handle.
    pub fn remove(self) -> Result<(), String> {
        self.disable()?;
        self.node.forget();
        Ok(())
    }

    /// Removes the device, unless that happened, and unloads its driver; the node stays and can be started again.
    ///
    /// # Errors
    /// As [`Self::remove`].
    pub(crate) fn disable(&self) -> Result<(), String> {
        match self.node.state() {
            State::Removed => Ok(()),
            State::SurpriseRemoved => {
                Err("a program still has a handle of the device, which is gone".into())
            }
            State::Started | State::Stopped => {
                let agreed: Rc<Cell<Option<bool>>> = Rc::default();
                let inside = Rc::clone(&agreed);
                self.node.query_remove(move |yes| inside.set(Some(yes)));
                sched::must("the drivers to agree to a removal", || {
                    agreed.get().is_some()
                });
                if agreed.get() != Some(true) {
                    return Err("the driver refuses IRP_MN_QUERY_REMOVE_DEVICE, or a program keeps a handle".into());
                }
                self.node.remove()
            }
        }
    }
}

/// The enabled interface of a device with this class and reference string.
fn link(pdo: *mut DeviceObject, class: &Guid, reference: &str) -> Option<String> {
    let all = interface::list(Some(class)).into_iter();
    let mut found = all.filter(|one| {
        one.device == pdo && one.enabled && one.reference.eq_ignore_ascii_case(reference)
    });
    found.next().map(|one| one.link)
}

/// The class of the tap's interfaces, as the kernel spells it.
fn tap_class() -> Guid {
    Guid {
        data1: TAP_INTERFACE.data1,
        data2: TAP_INTERFACE.data2,
        data3: TAP_INTERFACE.data3,
        data4: TAP_INTERFACE.data4,
    }
}

/// The number that a reference string ends with; 1 when it ends with none.
fn number(reference: &str) -> u8 {
    let digits = reference.len()
        - reference
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .len();
    reference[reference.len() - digits..].parse().unwrap_or(1)
}
