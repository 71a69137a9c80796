//! The NT kernel: one file per topic, each with its rows of the import table.

pub mod clock;
pub mod debug;
pub mod device;
pub mod dpc;
pub mod driver;
pub mod event;
pub mod extimer;
pub mod irp;
pub mod irql;
pub mod layout;
pub mod names;
pub mod pool;
pub mod rtl;
pub mod spinlock;
pub mod status;
pub mod timer;
pub mod unicode;
pub mod wait;

use crate::imports::Import;

/// State of every topic.
#[derive(Debug, Default)]
pub(crate) struct NtState {
    pub(crate) debug: debug::DebugState,
    pub(crate) dpcs: dpc::DpcState,
    pub(crate) events: event::EventState,
    pub(crate) extimers: extimer::ExTimerState,
    pub(crate) faults: crate::imports::faults::Faults,
    pub(crate) irps: irp::IrpState,
    pub(crate) irql: irql::IrqlState,
    pub(crate) locks: spinlock::LockState,
    pub(crate) names: names::NameState,
    pub(crate) pool: pool::PoolState,
    pub(crate) timers: timer::TimerState,
}

/// Tables of the rows of ntoskrnl.exe.
pub(crate) static TABLES: &[&[Import]] = &[
    clock::IMPORTS,
    debug::IMPORTS,
    device::IMPORTS,
    dpc::IMPORTS,
    event::IMPORTS,
    extimer::IMPORTS,
    irp::IMPORTS,
    irp::csq::IMPORTS,
    irql::IMPORTS,
    pool::IMPORTS,
    rtl::IMPORTS,
    spinlock::IMPORTS,
    timer::IMPORTS,
    unicode::IMPORTS,
    wait::IMPORTS,
];
