//! The NT kernel: one file per topic, each with its rows of the import table.

pub mod ansi;
pub mod callbacks;
pub mod clock;
pub mod crt;
pub mod debug;
pub mod device;
pub mod dpc;
pub mod driver;
pub mod etw;
pub mod event;
pub mod exception;
pub mod extended;
pub mod extimer;
pub mod fast_mutex;
pub mod file;
pub mod files;
pub(crate) mod held;
pub mod interface;
pub mod io;
pub mod irp;
pub mod irql;
pub mod layout;
pub mod lists;
pub(crate) mod lock_order;
pub mod mdl;
pub mod mutex;
pub mod names;
pub mod notify;
pub mod object;
pub(crate) mod pageable;
pub mod pdo;
pub mod pool;
pub(crate) mod processor;
pub mod region;
pub mod registry;
pub mod remove_lock;
pub mod resource;
pub mod rtl;
pub mod rundown;
mod rw_lock;
pub mod spin_kinds;
pub mod spinlock;
pub mod status;
pub mod system;
pub mod thread;
pub mod timer;
pub mod unicode;
pub mod wait;
pub mod wmi;
pub mod workitem;

use crate::imports::Import;

/// State of every topic.
#[derive(Debug, Default)]
pub(crate) struct NtState {
    pub(crate) callbacks: callbacks::CallbackState,
    pub(crate) debug: debug::DebugState,
    pub(crate) disk: files::DiskState,
    pub(crate) dpcs: dpc::DpcState,
    pub(crate) etw: etw::EtwState,
    pub(crate) events: event::EventState,
    pub(crate) extended: extended::ExtendedState,
    pub(crate) extimers: extimer::ExTimerState,
    pub(crate) faults: crate::imports::faults::Faults,
    pub(crate) files: file::FileState,
    pub(crate) held: held::HeldState,
    pub(crate) interfaces: interface::InterfaceState,
    pub(crate) irps: irp::IrpState,
    pub(crate) irql: irql::IrqlState,
    pub(crate) lists: lists::ListState,
    pub(crate) lock_order: lock_order::LockOrder,
    pub(crate) locks: spinlock::LockState,
    pub(crate) mdls: mdl::MdlState,
    pub(crate) mutexes: mutex::MutexState,
    pub(crate) names: names::NameState,
    pub(crate) notifications: notify::NotifyState,
    pub(crate) objects: object::ObjectState,
    pub(crate) pageable: pageable::PageableState,
    pub(crate) pdos: pdo::PdoState,
    pub(crate) pool: pool::PoolState,
    pub(crate) regions: region::RegionState,
    pub(crate) registry: registry::RegistryState,
    pub(crate) remove_locks: remove_lock::RemoveLocks,
    pub(crate) resources: resource::ResourceState,
    pub(crate) rw_locks: rw_lock::RwState,
    pub(crate) timers: timer::TimerState,
    pub(crate) wdf: crate::wdf::WdfState,
    pub(crate) wmi: wmi::WmiState,
    pub(crate) work: workitem::WorkState,
}

/// Tables of the rows of ntoskrnl.exe.
pub(crate) static TABLES: &[&[Import]] = &[
    ansi::IMPORTS,
    callbacks::IMPORTS,
    clock::IMPORTS,
    crt::IMPORTS,
    debug::IMPORTS,
    device::IMPORTS,
    dpc::IMPORTS,
    etw::IMPORTS,
    event::IMPORTS,
    exception::IMPORTS,
    extended::IMPORTS,
    extimer::IMPORTS,
    fast_mutex::IMPORTS,
    files::IMPORTS,
    interface::IMPORTS,
    irp::IMPORTS,
    irp::csq::IMPORTS,
    irql::IMPORTS,
    lists::IMPORTS,
    mdl::IMPORTS,
    mutex::IMPORTS,
    notify::IMPORTS,
    object::IMPORTS,
    pdo::IMPORTS,
    pool::IMPORTS,
    region::IMPORTS,
    registry::IMPORTS,
    registry::query::IMPORTS,
    remove_lock::IMPORTS,
    resource::IMPORTS,
    rtl::IMPORTS,
    rundown::IMPORTS,
    spin_kinds::IMPORTS,
    spinlock::IMPORTS,
    system::IMPORTS,
    thread::IMPORTS,
    timer::IMPORTS,
    unicode::IMPORTS,
    wait::IMPORTS,
    wmi::IMPORTS,
    workitem::IMPORTS,
];
