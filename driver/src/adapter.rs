//! The adapter object of a device: its settings, its cables, and what PortCls asks of it for power and for stops.
//!
//! There is no hardware, so there is nothing to do for power: PortCls pauses streams before it powers down and restarts them
//! afterwards, and a paused stream's clock stands. There are no resources to be dealt out anew either; a stop that is asked for all
//! the same is served: what start registered goes before PortCls stops the streams (`dispatch`), and comes back with the next start.

use crate::cable::{Cable, SharedCable};
use crate::pool::Pool;
use crate::trace::{self, Source};
use core::ffi::c_void;
use waverig_engine::Settings;
use waverig_interface::{CableNumber, EventKind, MAX_CABLES};
use waverig_portcls::com::{Class, Interface, Object, Shared, Table};
use waverig_portcls::status::STATUS_SUCCESS;
use waverig_portcls::{
    DEVICE_CAPABILITIES, DEVICE_POWER_STATE, IAdapterPnpManagement, IAdapterPnpManagementVtbl,
    IAdapterPowerManagement, IAdapterPowerManagement2, IAdapterPowerManagement2Vtbl,
    IAdapterPowerManagement3, IAdapterPowerManagement3Vtbl, IAdapterPowerManagementVtbl, NTSTATUS,
    PC_EXIT_LATENCY, PC_REBALANCE_TYPE, POWER_STATE, PcRebalanceRemoveSubdevices,
    SYSTEM_POWER_STATE,
};

const _: () = assert!(MAX_CABLES == waverig_engine::MAX_CABLES);

/// One per device, from its first start to its removal. Referenced by the device and by PortCls.
pub(crate) struct Adapter {
    /// Who notes what happens here.
    source: Source,
    /// What the device was set to at its first start.
    pub(crate) settings: Settings,
    cables: [Option<SharedCable>; MAX_CABLES as usize],
}

/// A reference on an adapter.
pub(crate) type SharedAdapter = Shared<Adapter, 2>;

impl Adapter {
    /// The adapter with as many cables as the settings say. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    pub(crate) fn create(device: Source, settings: Settings) -> Result<SharedAdapter, NTSTATUS> {
        let mut cables = [const { None }; MAX_CABLES as usize];
        for (place, number) in cables.iter_mut().zip(CableNumber::first(settings.cables)) {
            *place = Some(Cable::create(device, number, &settings)?);
        }
        Object::create(Self {
            source: device,
            settings,
            cables,
        })
    }

    /// The cable with this number, if the device has so many. Any IRQL.
    pub(crate) fn cable(&self, number: CableNumber) -> Option<&SharedCable> {
        self.cables.get(number.index())?.as_ref()
    }

    /// Every cable, the first one first.
    pub(crate) fn cables(&self) -> impl Iterator<Item = &SharedCable> {
        self.cables.iter().flatten()
    }
}

// SAFETY: the tables are laid out as IAdapterPowerManagement3 and IAdapterPnpManagement demand, begin with this class's IUnknown,
// and their functions expect such an object.
unsafe impl Class<2> for Adapter {
    type Memory = Pool;
    const TABLES: [Table; 2] = [
        Table {
            vtbl: (&raw const VTBL).cast(),
            // Each version of the interface begins with the one before, so one table serves all.
            iids: &[
                &IAdapterPowerManagement::IID,
                &IAdapterPowerManagement2::IID,
                &IAdapterPowerManagement3::IID,
            ],
        },
        Table {
            vtbl: (&raw const STOP_VTBL).cast(),
            iids: &[&IAdapterPnpManagement::IID],
        },
    ];
}

static STOP_VTBL: IAdapterPnpManagementVtbl = IAdapterPnpManagementVtbl {
    base: Adapter::UNKNOWN,
    GetSupportedRebalanceType: supported_rebalance_type,
    PnpQueryStop: told,
    PnpCancelStop: told,
    PnpStop: told,
};

/// Every subdevice is unregistered by a stop and registered by the start after it.
unsafe extern "efiapi" fn supported_rebalance_type(_: *mut c_void) -> PC_REBALANCE_TYPE {
    PcRebalanceRemoveSubdevices
}

unsafe extern "efiapi" fn told(_: *mut c_void) {}

static VTBL: IAdapterPowerManagement3Vtbl = IAdapterPowerManagement3Vtbl {
    base: IAdapterPowerManagement2Vtbl {
        base: IAdapterPowerManagementVtbl {
            base: Adapter::UNKNOWN,
            PowerChangeState: power_change_state,
            QueryPowerChangeState: query_power_change_state,
            QueryDeviceCapabilities: query_device_capabilities,
        },
        PowerChangeState2: power_change_state_2,
    },
    PowerChangeState3: power_change_state_3,
    D3ExitLatencyChanged: d3_exit_latency_changed,
};

/// The state is the device's ("IAdapterPowerManagement::PowerChangeState").
unsafe extern "efiapi" fn power_change_state(this: *mut c_void, POWER_STATE(device): POWER_STATE) {
    // SAFETY: called through the table.
    unsafe { note_power(this, device, 0) };
}

/// Notes a change; there is nothing else to do.
///
/// # Safety
/// `this` is the first face of an adapter.
unsafe fn note_power(this: *mut c_void, device: DEVICE_POWER_STATE, system: SYSTEM_POWER_STATE) {
    // SAFETY: says the caller.
    let adapter = unsafe { Object::<Adapter, 2>::value(this) };
    let values = [device, system].map(|state| u64::from(state.cast_unsigned()));
    trace::note(adapter.source, EventKind::Power, [values[0], values[1], 0]);
}

unsafe extern "efiapi" fn query_power_change_state(_: *mut c_void, _: POWER_STATE) -> NTSTATUS {
    STATUS_SUCCESS
}

/// What the bus driver filled in stands; D3 is always possible.
unsafe extern "efiapi" fn query_device_capabilities(
    _: *mut c_void,
    _: *mut DEVICE_CAPABILITIES,
) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn power_change_state_2(
    this: *mut c_void,
    device: DEVICE_POWER_STATE,
    system: SYSTEM_POWER_STATE,
) {
    // SAFETY: called through the table.
    unsafe { note_power(this, device, system) };
}

unsafe extern "efiapi" fn power_change_state_3(
    this: *mut c_void,
    device: DEVICE_POWER_STATE,
    system: SYSTEM_POWER_STATE,
    _: PC_EXIT_LATENCY,
) {
    // SAFETY: called through the table.
    unsafe { note_power(this, device, system) };
}

unsafe extern "efiapi" fn d3_exit_latency_changed(_: *mut c_void, _: PC_EXIT_LATENCY) -> NTSTATUS {
    STATUS_SUCCESS
}
