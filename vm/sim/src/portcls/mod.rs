//! The port class driver: what portcls.sys exports and does between clients and an audio driver.
//!
//! | file | what |
//! |---|---|
//! | [`adapter`] | device objects and what is registered with them |
//! | [`dispatch`] | IRPs of those devices |
//! | [`pnp`], [`power`] | their life: Plug and Play, power |
//! | [`port`], [`subdevice`] | ports, their names, interfaces and wires |
//! | [`description`], [`ranges`], [`automation`] | a filter's description, read and checked |
//! | [`helpers`] | what a port offers beside streaming: power, resources, ETW, notifications |
//! | [`filter`], [`pin`], [`rtaudio`] | open filters and pins and their properties |
//! | [`modes`] | signal-processing modes of pins |
//! | [`port_stream`] | buffer memory for WaveRT streams |
//! | [`cyclic`] | the WaveCyclic port |
//! | [`stream`] | the stream behind a pin, of either wave port |
//! | [`com`] | interface pointers in both directions |

pub(crate) mod adapter;
pub(crate) mod automation;
pub(crate) mod com;
pub(crate) mod content;
mod cyclic;
pub(crate) mod description;
mod device_lock;
mod dispatch;
mod filter;
mod format;
pub(crate) mod helpers;
mod intersection;
pub(crate) mod modes;
mod packets;
mod pin;
pub(crate) mod pnp;
pub(crate) mod port;
mod port_stream;
pub(crate) mod power;
mod property;
pub(crate) mod protection;
pub(crate) mod ranges;
mod registry_key;
mod resources;
mod rtaudio;
pub(crate) mod rules;
mod stream;
pub(crate) mod subdevice;
#[cfg(test)]
mod tests;

pub(crate) use cyclic::IOCTL_KS_WRITE_STREAM;
#[cfg(test)]
pub(crate) use cyclic::service::pc_new_service_group as new_service_group;
pub(crate) use dispatch::PIN_NAME;
pub(crate) use property::IOCTL_KS_PROPERTY;

use waverig_portcls::Guid;

use crate::finding;
use crate::imports::{Import, Levels};
use crate::nt::layout;

/// A GUID as the kernel's structures spell it.
pub(crate) fn guid_of(guid: &Guid) -> layout::Guid {
    layout::Guid {
        data1: guid.Data1,
        data2: guid.Data2,
        data3: guid.Data3,
        data4: guid.Data4,
    }
}

/// A GUID of the kernel's structures as PortCls's spell it.
pub(crate) fn guid_from(guid: &layout::Guid) -> Guid {
    Guid {
        Data1: guid.data1,
        Data2: guid.data2,
        Data3: guid.data3,
        Data4: guid.data4,
    }
}

/// Whether a range makes its pin one that endpoints stream to.
pub(crate) fn streams(range: &ranges::Range) -> bool {
    range.streams()
}

/// The driver called something that exists in Windows but not here: the run ends and says where it would be added.
fn unsupported(name: &str, file: &str) -> ! {
    finding::fatal(
        &crate::rules::MISSING_IMPORT,
        format!("{name} is not in the simulator: add it to vm/sim/src/portcls/{file}"),
    )
}

const fn row(name: &'static str, function: *const (), source: &'static str) -> Import {
    Import::function("portcls.sys", name, function, Levels::PASSIVE, source)
}

/// What portcls.sys exports.
static EXPORTS: &[Import] = &[
    row(
        "PcInitializeAdapterDriver",
        adapter::pc_initialize_adapter_driver as *const (),
        "portcls/nf-portcls-pcinitializeadapterdriver",
    ),
    row(
        "PcAddAdapterDevice",
        adapter::pc_add_adapter_device as *const (),
        "portcls/nf-portcls-pcaddadapterdevice",
    ),
    row(
        "PcGetPhysicalDeviceObject",
        adapter::pc_get_physical_device_object as *const (),
        "portcls/nf-portcls-pcgetphysicaldeviceobject",
    ),
    row(
        "PcRegisterAdapterPowerManagement",
        power::pc_register_adapter_power_management as *const (),
        "portcls/nf-portcls-pcregisteradapterpowermanagement",
    ),
    row(
        "PcUnregisterAdapterPowerManagement",
        power::pc_unregister_adapter_power_management as *const (),
        "portcls/nf-portcls-pcunregisteradapterpowermanagement",
    ),
    row(
        "PcRegisterAdapterPnpManagement",
        pnp::pc_register_adapter_pnp_management as *const (),
        "portcls/nf-portcls-pcregisteradapterpnpmanagement",
    ),
    row(
        "PcUnregisterAdapterPnpManagement",
        pnp::pc_unregister_adapter_pnp_management as *const (),
        "portcls/nf-portcls-pcunregisteradapterpnpmanagement",
    ),
    Import::function(
        "portcls.sys",
        "PcDispatchIrp",
        dispatch::pc_dispatch_irp as *const (),
        Levels::DISPATCH,
        "portcls/nf-portcls-pcdispatchirp",
    ),
    Import::nt(
        "PoRequestPowerIrp",
        power::po_request_power_irp as *const (),
        Levels::DISPATCH,
        "wdm/nf-wdm-porequestpowerirp",
    ),
    row(
        "PcGetDeviceProperty",
        port::pc_get_device_property as *const (),
        "portcls/nf-portcls-pcgetdeviceproperty",
    ),
    row(
        "PcNewRegistryKey",
        registry_key::pc_new_registry_key as *const (),
        "portcls/nf-portcls-pcnewregistrykey",
    ),
    row(
        "PcAssignPowerFrameworkSettings",
        helpers::pc_assign_power_framework_settings as *const (),
        "portcls.h",
    ),
    row(
        "PcNewPort",
        port::pc_new_port as *const (),
        "portcls/nf-portcls-pcnewport",
    ),
    row(
        "PcNewMiniport",
        port::pc_new_miniport as *const (),
        "portcls/nf-portcls-pcnewminiport",
    ),
    row(
        "PcNewServiceGroup",
        cyclic::service::pc_new_service_group as *const (),
        "portcls/nf-portcls-pcnewservicegroup",
    ),
    row(
        "PcAddStreamResource",
        helpers::pc_add_stream_resource as *const (),
        "portcls/nf-portcls-pcaddstreamresource",
    ),
    row(
        "PcRemoveStreamResource",
        helpers::pc_remove_stream_resource as *const (),
        "portcls/nf-portcls-pcremovestreamresource",
    ),
    row(
        "PcRegisterSubdevice",
        subdevice::pc_register_subdevice as *const (),
        "portcls/nf-portcls-pcregistersubdevice",
    ),
    row(
        "PcRegisterPhysicalConnection",
        subdevice::pc_register_physical_connection as *const (),
        "portcls/nf-portcls-pcregisterphysicalconnection",
    ),
];

/// Tables of rows for the import binding.
pub(crate) static TABLES: &[&[Import]] = &[EXPORTS, content::EXPORTS];
