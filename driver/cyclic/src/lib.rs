//! wavecyc.sys: the cable and the tap of waverig.sys behind a WaveCyclic port instead of a WaveRT one. It exists to be compared with
//! it (`cargo xtask compare`), and to be read: what differs between the two ports is all of it that is written here.
//!
//! # Where things are
//! - [`wave`]: the wave filter, its miniport, its stream, and what notifies the port.
//! - Everything else is the product's source, taken as it is: `driver/src/lib.rs` says what lies where. The product knows nothing
//!   of this crate.
//!
//! # The way of a frame
//! A client's request comes to the port, which copies it into the cyclic buffer of a DMA channel, up to 40 ms ahead of the play
//! position. A timer, every 10 ms of the stream's frames, takes what is due out of that buffer into the tap, as the product's does,
//! and tells the port (`wave/notifier.rs`), whose DPC asks for the position and copies on.
//!
//! # Locks and IRQL
//! As in the product. The port is notified with no lock held; PortCls may call `GetPosition` and `Silence` at DISPATCH_LEVEL.
#![no_std]

extern crate alloc;

#[path = "../../src"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the product's sources: what records, packets and modes is not used here"
)]
mod product {
    pub(crate) mod adapter;
    pub(crate) mod cable;
    pub(crate) mod description;
    pub(crate) mod device;
    pub(crate) mod dispatch;
    mod entry;
    pub(crate) mod etw;
    pub(crate) mod event;
    pub(crate) mod fault;
    pub(crate) mod irp;
    pub(crate) mod lock;
    pub(crate) mod names;
    mod panic;
    pub(crate) mod pool;
    pub(crate) mod portcls;
    pub(crate) mod property;
    pub(crate) mod registration;
    pub(crate) mod registry;
    pub(crate) mod settings;
    pub(crate) mod tap;
    pub(crate) mod time;
    pub(crate) mod timer;
    pub(crate) mod topology;
    pub(crate) mod trace;
}
mod wave;

use product::{
    adapter, cable, description, device, dispatch, etw, event, fault, irp, lock, names, pool,
    portcls, property, registration, registry, settings, tap, time, timer, topology, trace,
};

/// As in the product.
#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;
