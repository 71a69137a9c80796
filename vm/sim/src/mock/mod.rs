//! An ideal audio driver in Rust, for tests: one render endpoint whose position follows virtual time, with one quirk at a
//! time that a rule must find.

pub(crate) mod cyclic;
mod filters;
mod life;
mod miniport;
mod modes;
mod packets;
mod propose;
mod stream;
mod volume;

use std::cell::{Cell, RefCell};
use std::ffi::c_void;

use waverig_portcls::{NTSTATUS, id, status};

pub(crate) use filters::{TOPOLOGY, WAVE, topology, wave};

use crate::kernel::{Kernel, Options};
use crate::nt::layout::{DeviceObject, Dispatch, DriverObject, Irp};
use crate::nt::{driver, io, pdo};
use crate::portcls::{adapter, port, power, subdevice};

/// What the driver does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quirk {
    None,
    /// Gives a buffer that is one frame shorter than asked for.
    ShortBuffer,
    /// Gives a buffer that is no whole number of frames.
    OddBuffer,
    /// Does not clear the buffer.
    DirtyBuffer,
    /// Keeps the buffer's pages.
    LeakPages,
    /// Frees the pages while they are mapped.
    FreeMapped,
    /// Keeps a reference on the stream.
    LeakStream,
    /// Reports the position behind the buffer's end.
    FarPosition,
    /// Does not start at position 0.
    LatePosition,
    /// Refuses PAUSE.
    RefusePause,
    /// Answers the first intersection call as if it had given a format.
    IntersectionWithoutSize,
    /// Answers too little room for an intersection's format as if there were none.
    IntersectionWithoutRoom,
    /// Registers its power interface twice.
    PowerTwice,
    /// Registers one subdevice more than it announced.
    OneSubdeviceMore,
    /// Registers two subdevices under one name.
    SameName,
    /// Connects the filters the wrong way round.
    ConnectedBackwards,
    /// Keeps a reference on a port.
    LeakPort,
    /// Asks for half a device extension.
    SmallExtension,
    /// Answers basic support with the verbs alone.
    VerbsOnly,
    /// Gives the description of a property only with all that follows it.
    DescriptionAtOnce,
    /// Has a volume node without channels.
    NoChannels,
    /// Takes too small an array of modes.
    ModesWithoutRoom,
    /// Has modes on a bridge pin.
    ModesOfBridge,
    /// Says of a pin that does not exist that it has no modes.
    ModesOfNoPin,
    /// Has a mode that is neither RAW nor DEFAULT, alone.
    NeitherRawNorDefault,
    /// Has two modes, and packet constraints for one.
    TwoModes,
    /// Maps the pages of a buffer twice.
    MapsTwice,
    /// Frees the pages of a buffer twice.
    FreesTwice,
    /// Gives a buffer without an MDL.
    NoMdl,
    /// Initialises a port twice.
    InitTwice,
    /// Registers a miniport as a subdevice.
    RegistersMiniport,
    /// Registers an object for power management that does not know of it.
    PowerWithoutInterface,
    /// Says that it gave an interface, and gives none.
    QueryWithoutInterface,
    /// Says that it wrote more of a property than there was room for.
    WritesTooMuch,
    /// Leaves a property pending.
    PendsProperty,
    /// Gives a format by an intersection that the range does not hold.
    IntersectionOutOfRange,
    /// Gives no stream for a pin that can be opened once.
    RefusesStreams,
    /// Proposes a format as if there were room for it.
    ProposesWithoutSize,
    /// Proposes a format without a place for all of it.
    ProposesWithoutRoom,
    /// Proposes a format without the attributes it is for.
    ProposesWithoutAttributes,
    /// Proposes a format that no range of its pin holds.
    ProposesOutOfRange,
    /// Proposes a format for modes that it does not have.
    ProposesForAnyMode,
    /// Does not take the formats that it gives.
    RefusesItsFormats,
    /// It takes formats in the long form alone.
    TakesLongForms,
    /// Has one volume for a pin that proposes two channels.
    OneVolume,
    /// Offers packet input on a render stream.
    InputOnRender,
    /// Counts one packet too many.
    CountAhead,
    /// Tells a packet count below one that it told before.
    CountBackwards,
    /// Names a presentation time that is still to come.
    PresentedAhead,
    /// Goes on while it is paused.
    MovesInPause,
    /// Does not let the device sleep.
    StaysAwake,
    /// Cannot be stopped.
    CannotBeStopped,
    /// Keeps its subdevices when it is stopped.
    StoppedWithSubdevices,
    /// Opens whatever is asked for, whenever.
    OpensAlways,
    /// Pends every control request for good.
    KeepsRequests,
    /// Unregisters the power interface that it never registered.
    PowerNever,
}

thread_local! {
    static QUIRK: Cell<Quirk> = const { Cell::new(Quirk::None) };
    static PLAYED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// The device power state that PortCls told last.
    static POWER: Cell<i32> = const { Cell::new(0) };
}

fn has(quirk: Quirk) -> bool {
    QUIRK.get() == quirk
}

/// Releases an interface pointer.
pub(crate) fn release(this: *mut c_void) {
    miniport::release(this);
}

/// Everything that was played, in order.
pub(crate) fn played() -> Vec<u8> {
    PLAYED.take()
}

/// The device power state that PortCls told the driver last; 0 before the first time.
pub(crate) fn power_state() -> i32 {
    POWER.get()
}

/// A machine with the driver's device added and started; the status of the start comes with it.
pub(crate) struct Machine {
    pub(crate) kernel: &'static Kernel,
    pub(crate) pdo: *mut DeviceObject,
    pub(crate) started: NTSTATUS,
}

extern "win64" fn bus(
    _device: *mut DeviceObject,
    request: *mut Irp,
) -> crate::nt::status::NtStatus {
    crate::nt::irp::finish(request, crate::nt::status::STATUS_SUCCESS, 0)
}

/// Runs `test` on a machine of its own (a machine is a thread) with this quirk in the driver.
pub(crate) fn with<T: Send>(quirk: Quirk, test: impl FnOnce(&Machine) -> T + Send) -> T {
    let result = std::thread::scope(|scope| scope.spawn(|| test(&start(quirk))).join());
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The same with a WaveCyclic driver, and this fault in it.
pub(crate) fn with_cyclic<T: Send>(
    fault: cyclic::Fault,
    test: impl FnOnce(&Machine) -> T + Send,
) -> T {
    let result = std::thread::scope(|scope| {
        let run = || {
            cyclic::choose(fault);
            test(&start(Quirk::None))
        };
        scope.spawn(run).join()
    });
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn start(quirk: Quirk) -> Machine {
    let kernel = Kernel::boot(Options::default());
    QUIRK.set(quirk);
    PLAYED.take();
    let root = driver::create("root");
    let object = driver::create("mock");
    adapter::pc_initialize_adapter_driver(object, std::ptr::null(), Some(add_device));
    // SAFETY: both driver objects were just made.
    unsafe {
        (*root).major_function = [Some(bus as Dispatch); _];
        life::install(&mut *object);
    }
    let pdo = pdo::create(
        root,
        "ROOT\\MEDIA\\0000",
        "{4d36e96c-e325-11ce-bfc1-08002be10318}\\0000",
    );
    let added = driver::add_device(object, pdo).expect("PortCls set AddDevice");
    let started = if added.is_ok() {
        io::pnp(pdo, 0, |_| {}).status.0
    } else {
        added.0
    };
    Machine {
        kernel,
        pdo,
        started,
    }
}

/// Removes the device.
pub(crate) fn remove(machine: &Machine) {
    let status = io::pnp(machine.pdo, 2, |_| {}).status;
    assert!(status.is_ok(), "{status}");
}

unsafe extern "win64" fn add_device(
    driver: *mut DriverObject,
    pdo: *mut DeviceObject,
) -> crate::nt::status::NtStatus {
    let extension = if has(Quirk::SmallExtension) { 256 } else { 0 };
    let most = if has(Quirk::OneSubdeviceMore) { 1 } else { 2 };
    let status = adapter::pc_add_adapter_device(driver, pdo, Some(start_device), most, extension);
    crate::nt::status::NtStatus(status)
}

unsafe extern "win64" fn start_device(
    fdo: *mut DeviceObject,
    irp: *mut Irp,
    resources: *mut c_void,
) -> NTSTATUS {
    let mut result = Ok(());
    let mut keep = |status: NTSTATUS| {
        if status < 0 && result.is_ok() {
            result = Err(status);
        }
    };
    if has(Quirk::PowerNever) {
        power::pc_unregister_adapter_power_management(fdo);
    }
    for _ in 0..if has(Quirk::PowerTwice) { 2 } else { 1 } {
        let interface = if has(Quirk::PowerWithoutInterface) {
            miniport::create(false)
        } else {
            miniport::power()
        };
        power::pc_register_adapter_power_management(interface, fdo);
        miniport::release(interface);
    }
    life::register(fdo);
    let names = if has(Quirk::SameName) {
        [WAVE, WAVE]
    } else {
        [WAVE, TOPOLOGY]
    };
    let mut ports = Vec::new();
    let wave = if cyclic::chosen() {
        id::CLSID_PortWaveCyclic
    } else {
        id::CLSID_PortWaveRT
    };
    for (class, name) in [wave, id::CLSID_PortTopology].into_iter().zip(names) {
        let mut port = std::ptr::null_mut();
        keep(port::pc_new_port(&raw mut port, &raw const class));
        let miniport = if class == id::CLSID_PortWaveCyclic {
            cyclic::create()
        } else {
            miniport::create(class == id::CLSID_PortWaveRT)
        };
        keep(miniport::init_port(port, fdo, irp, miniport, resources));
        if has(Quirk::InitTwice) {
            miniport::init_port(port, fdo, irp, miniport, resources);
        }
        let name: Vec<u16> = name.encode_utf16().chain([0]).collect();
        if has(Quirk::RegistersMiniport) {
            subdevice::pc_register_subdevice(fdo, name.as_ptr(), miniport);
        }
        miniport::release(miniport);
        keep(subdevice::pc_register_subdevice(fdo, name.as_ptr(), port));
        ports.push(port);
    }
    let (from, to) = if has(Quirk::ConnectedBackwards) {
        (1, 0)
    } else {
        (0, 1)
    };
    subdevice::pc_register_physical_connection(
        fdo,
        ports[from],
        1 - from as u32,
        ports[to],
        to as u32 ^ 1,
    );
    for (index, port) in ports.into_iter().enumerate() {
        if !(has(Quirk::LeakPort) && index == 0) {
            life::keep(port);
        }
    }
    result.err().unwrap_or(status::STATUS_SUCCESS)
}

/// Makes a call that the driver makes on an object of PortCls.
///
/// # Safety
/// `this` is an interface pointer whose slot `index` has the type `F`.
unsafe fn slot<F: Copy>(this: *mut c_void, index: usize) -> F {
    assert_eq!(size_of::<F>(), size_of::<usize>());
    // SAFETY: says the caller.
    unsafe { (*this.cast::<*const F>()).add(index).read() }
}
