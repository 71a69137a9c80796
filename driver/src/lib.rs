//! waverig.sys: a WaveRT virtual audio driver whose rendered audio can be taken out frame by frame.
//!
//! # Where things are
//! - [`entry`]: `DriverEntry` and `AddDevice`. [`dispatch`]: which requests are the tap's and which are PortCls's.
//! - [`device`]: start and stop of a device. [`settings`]: what a user has set it to. [`adapter`]: the object that PortCls knows
//!   a device by, and its cables. [`names`]: what its endpoints are called. [`registration`]: what start registers, each undone by its `Drop`.
//! - [`cable`]: the heart of a device, of which it may have several: the stream that plays, the tap's ring and its clients,
//!   under one lock.
//! - [`wave`]: the wave filter, its miniport and its stream. [`topology`]: the topology filter: volume, mute, jack.
//!   [`description`]: what the descriptions of both are made of.
//! - [`tap`]: the device interface that hands the audio out.
//! - [`trace`]: the record of recent events, which clients of the tap can read.
//! - [`registry`], [`lock`], [`pool`], [`irp`], [`timer`], [`time`], [`portcls`], [`property`], [`panic`]: the kernel, wrapped.
//! - [`fault`]: faults built on purpose, each behind a Cargo feature.
//!
//! What can be decided without Windows is decided in `waverig-engine`; the binary interface to PortCls is `waverig-portcls`.
//!
//! # Locks
//! Three spin locks, in this order: the *device lock* ([`device::Extension`], held only to take or clone a pointer), then the
//! *cable lock* ([`cable::Cable`]), which guards the stream, the shared buffer's contents and the tap together, then the
//! *trace lock* ([`trace`]), held only to note or copy events. No code takes them the other way round, and none takes a
//! lock of PortCls while it holds one of ours: under the cable lock only `KeSetEvent`, `ExSetTimer` and `ExCancelTimer`
//! are called. Requests are completed and memory is freed
//! with no lock held.
//!
//! # IRQL
//! Everything runs at PASSIVE_LEVEL except what the timer, `GetPosition` (up to DISPATCH_LEVEL) and a cancel routine
//! reach: [`cable::Cable::at_now`] and below. That part allocates nothing, waits for nothing and touches only non-paged
//! memory. All code and data of the driver is non-paged.
#![no_std]

extern crate alloc;

mod adapter;
mod cable;
mod description;
mod device;
mod dispatch;
mod entry;
mod etw;
mod event;
mod fault;
mod irp;
mod lock;
mod names;
mod panic;
mod pool;
mod portcls;
mod property;
mod registration;
mod registry;
mod settings;
mod tap;
mod time;
mod timer;
mod topology;
mod trace;
mod wave;

/// For lists that grow, through `try_reserve` only: single objects come from [`pool::PoolBox`], which can fail.
#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;
