//! Faults built on purpose, to show that the rig rejects such a driver. An image with the Cargo feature `fault`, which no release
//! has, holds all of them, and its switch says which one it has; in any other nothing here does anything.

mod buffer;
pub(crate) mod clock;
mod description;
mod kernel;

pub(crate) use buffer::{Fault, Recorded};
pub(crate) use description::{constraints, described};
pub(crate) use kernel::{at_stop, in_timer, lock_at_completion};

use core::ffi::c_void;
use core::ptr::NonNull;
use waverig_engine::{Advance, Frames, Geometry, PacketError, ReadPacket};
use waverig_interface::CableNumber;
use wdk_sys::{IRP_MN_REMOVE_DEVICE, IRP_MN_SURPRISE_REMOVAL};

/// A table of faults: name here, name for people, what goes wrong.
macro_rules! faults {
    ($($name:ident $word:literal $what:literal;)*) => {
        /// A fault built on purpose.
        #[derive(Clone, Copy)]
        #[repr(u32)]
        pub(crate) enum Deliberate {
            $(#[doc = $what] $name,)*
        }

        /// Every fault, a line each in the order of their numbers: its name, what goes wrong.
        #[cfg(feature = "fault")]
        const TABLE: &str = concat!($($word, ": ", $what, "\n",)*);
    };
}

faults! {
    DropPeriod "drop-period" "one period of audio vanishes";
    SlipFrame "slip-frame" "one frame is skipped, so all later ones are shifted";
    LeakPool "leak-pool" "an allocation is forgotten at every stop";
    WildWrite "wild-write" "a byte is written behind the buffer's last page";
    Panic "panic" "the driver panics in the timer's callback";
    EndlessLoop "endless-loop" "the timer's callback never returns";
    RecordGather "record-gather" "half a buffer is gathered before any of it is recorded";
    RecordLate "record-late" "everything is recorded one frame late";
    RecordStale "record-stale" "where nothing is played, the lap before stays";
    CrossedTaps "crossed-taps" "the taps of cables 1 and 2 are mixed up";
    TrustLength "trust-length" "a property's value is taken to be as long as it should be";
    KeepReads "keep-reads" "pended tap reads are not given back when the device stops or goes";
    KeepClosed "keep-closed" "requests pended on a handle are not given back when that is closed";
    LoseRace "lose-race" "a read is completed although its cancel routine is on its way to do that";
    LateCancel "late-cancel" "a request that was cancelled before the driver had it is pended all the same";
    UnlockedState "unlocked-state" "whether the device is there is looked at before the lock is taken under which a read is pended";
    ShareOutlives "share-outlives" "memory is written into when the request that brought it was cancelled";
    KeepTimer "keep-timer" "a stream's timer is not deleted";
    ForgetUnwind "forget-unwind" "pages that cannot be mapped are not freed";
    UncheckedMapping "unchecked-mapping" "pages are taken to be mapped, wherever that is";
    RunThroughPause "run-through-pause" "a paused stream goes on, also while the device sleeps";
    StopPauses "stop-pauses" "a stream that is stopped only pauses, and goes on where it was";
    OpenAlways "open-always" "a device whose removal was agreed to, or that is gone, can be opened";
    CopyAll "copy-all" "protected content gets into the tap, and is recorded, as any other";
    AnyPacket "any-packet" "every packet is taken, whatever the engine says of it";
    PacketEnd "packet-end" "a packet to read is told with the time of its end";
    CountTicks "count-ticks" "packets are counted one per notification, so that a late one loses some";
    StaleLap "stale-lap" "what was taken stays in the buffer, to be played again when nobody writes";
    MillisecondClock "millisecond-clock" "the clock counts whole milliseconds";
    ClockOf32Bits "32-bit-clock" "only the lower half of the clock's counter counts";
    SteerJump "steer-jump" "the clock is a millisecond ahead while it is steered";
    KeepRate "keep-rate" "the clock keeps its rate when the handle that steered it is closed";
    DoubleFree "double-free" "an allocation is freed twice";
    WrongTag "wrong-tag" "an allocation is freed with another tag than its own";
    FreeInside "free-inside" "an address inside of an allocation is freed";
    Overrun "overrun" "a byte is written behind an allocation";
    Underrun "underrun" "a byte is written before an allocation";
    UseAfterFree "use-after-free" "a byte is written to freed pool";
    ExecutablePool "executable-pool" "pool that can be executed is asked for";
    ExecuteData "execute-data" "pool is called like a function";
    DoubleAcquire "double-acquire" "a spin lock is acquired by the processor that holds it";
    KeepLock "keep-lock" "a spin lock is held when the routine returns";
    ReleaseFree "release-free" "a spin lock that nobody holds is released";
    CrossedLocks "crossed-locks" "two spin locks are released in the order in which they were acquired";
    WaitForever "wait-forever" "an event is waited for that nobody sets";
    WaitAtDispatch "wait-at-dispatch" "the timer's callback waits for a millisecond";
    PagedAtDispatch "paged-at-dispatch" "the timer's callback allocates paged pool";
    PassiveAtDispatch "passive-at-dispatch" "the timer's callback calls a routine for PASSIVE_LEVEL";
    LowerIrql "lower-irql" "the timer's callback lowers the IRQL and returns";
    UninitialisedDpc "uninitialised-dpc" "a DPC is queued that was not initialised";
    UnmapUnmapped "unmap-unmapped" "an MDL is unmapped that was not mapped";
    DeepStack "deep-stack" "more stack is used than a kernel thread has";
    FastFail "fast-fail" "the compiler's check of a stack cookie fails";
    Breakpoint "breakpoint" "a breakpoint is left in the code";
    IllegalInstruction "illegal-instruction" "an instruction is executed that there is not";
    DivideByZero "divide-by-zero" "a number is divided by zero";
    CompleteTwice "complete-twice" "a tap read is completed twice";
    CompletePending "complete-pending" "a request is completed with STATUS_PENDING";
    UnmarkedPending "unmarked-pending" "STATUS_PENDING is returned for a read that was not marked pending";
    KeepPort "keep-port" "a reference on a port is kept when its filter goes";
    ReleasePort "release-port" "a reference on a port is released once too often";
    KeepProvider "keep-provider" "the ETW provider is not unregistered";
    KeepKey "keep-key" "a registry key is not closed";
    DescriptionVersion "description-version" "a filter's description has a version that there is not";
    ItemSize "item-size" "an automation table's items are smaller than an item is";
    OpenBridge "open-bridge" "a bridge pin can be opened";
    UntypedNode "untyped-node" "a node has no type";
    LooseConnection "loose-connection" "a connection comes from a pin that there is not";
    NoAttributes "no-attributes" "a data range says that attributes follow, and none do";
    ValueSize "value-size" "a property is said to be longer than it is";
    JackCount "jack-count" "a jack description counts an item that does not follow";
    MonoJack "mono-jack" "a jack has one channel, whatever the endpoint has";
    LowConstraint "low-constraint" "a packet lasts no longer than the least period";
    OneConstraint "one-constraint" "the packet constraints name one mode of two";
    PacketAhead "packet-ahead" "a packet to read is told with a time to come";
    RefuseSurprise "refuse-surprise" "a surprise removal is refused";
    RefuseRemoval "refuse-removal" "a removal is refused";
    TouchCompleted "touch-completed" "a request is read after it was completed";
    LongAnswer "long-answer" "a request is completed with more bytes than there is room for";
    InvertedLocks "inverted-locks" "two spin locks are acquired in one order, later in the other";
    TouchPaged "touch-paged" "paged pool is written at DISPATCH_LEVEL";
    LongCallback "long-callback" "the timer's callback takes 200 microseconds";
    KeepRounding "keep-rounding" "the timer's callback leaves another rounding mode behind";
    KeepDirection "keep-direction" "the timer's callback leaves the direction flag set";
    KeepRegion "keep-region" "a critical region is not left";
    UserWait "user-wait" "a wait in user mode is for an event on the stack";
    BufferRest "buffer-rest" "a byte is written behind the buffer, in its last page";
    KeepMdl "keep-mdl" "an MDL is not freed";
    KeepWorkItem "keep-work-item" "a work item is not freed";
    CompleteLocked "complete-locked" "a request is completed under a spin lock";
    KeepEvent "keep-event" "a reference on a program's event is kept";
}

/// What packaging finds by its mark and sets (`xtask/src/fault.rs`).
#[cfg(feature = "fault")]
#[repr(C)]
struct Switch {
    mark: [u8; 24],
    chosen: u32,
    table_bytes: u32,
    table: [u8; TABLE.len()],
}

#[cfg(feature = "fault")]
static SWITCH: Switch = {
    let mut table = [0; TABLE.len()];
    table.copy_from_slice(TABLE.as_bytes());
    Switch {
        mark: *b"WAVERIG-DELIBERATE-FAULT",
        chosen: u32::MAX,
        table_bytes: TABLE.len() as u32,
        table,
    }
};

/// Whether this image has that fault. Any IRQL.
pub(crate) fn is(fault: Deliberate) -> bool {
    #[cfg(feature = "fault")]
    // SAFETY: a static may be read; volatile, because its value was changed after it was compiled.
    let chosen = unsafe { core::ptr::read_volatile(&raw const SWITCH.chosen) };
    #[cfg(not(feature = "fault"))]
    let chosen = u32::MAX;
    chosen == fault as u32
}

/// `unchecked-mapping`: pages are taken to be mapped, wherever that is.
pub(crate) fn mapped(base: *mut c_void) -> Option<NonNull<c_void>> {
    let anywhere = is(Deliberate::UncheckedMapping).then(NonNull::dangling);
    NonNull::new(base).or(anywhere)
}

/// `refuse-surprise`, `refuse-removal`: whether a PnP request with this minor function is refused.
pub(crate) fn refuses(minor: Option<u32>) -> bool {
    match minor {
        Some(IRP_MN_SURPRISE_REMOVAL) => is(Deliberate::RefuseSurprise),
        Some(IRP_MN_REMOVE_DEVICE) => is(Deliberate::RefuseRemoval),
        _ => false,
    }
}

/// `any-packet`: every packet is taken, whatever the engine says of it.
pub(crate) fn packet(taken: Result<(), PacketError>) -> Result<(), PacketError> {
    if is(Deliberate::AnyPacket) {
        return Ok(());
    }
    taken
}

/// `packet-end`: a packet to read is told with the time of its end; `packet-ahead`: a packet later.
pub(crate) fn packet_begin(packet: &ReadPacket, geometry: Option<&Geometry>) -> Frames {
    let length = geometry.and_then(Geometry::packet);
    let packets = if is(Deliberate::PacketEnd) {
        1
    } else if is(Deliberate::PacketAhead) {
        2
    } else {
        0
    };
    let frames = length.map_or(0, |frames| packets * frames.get());
    packet.first.saturating_add(Frames(frames))
}

/// `count-ticks`: packets are counted one per notification, as some public samples do, so that a late one loses some.
pub(crate) struct Ticks(u64);

impl Ticks {
    pub(crate) const fn new() -> Self {
        Self(0)
    }

    pub(crate) fn report(&mut self, advance: &Advance) {
        if is(Deliberate::CountTicks) {
            self.0 += u64::from(advance.packets_completed > 0);
        }
    }

    /// The count to tell.
    pub(crate) fn count(&self, count: u64) -> u64 {
        if is(Deliberate::CountTicks) {
            self.0
        } else {
            count
        }
    }
}

/// `crossed-taps`: the cable whose audio a tap really gives out.
pub(crate) fn tapped(cable: CableNumber) -> CableNumber {
    let crossed = match cable.get() {
        1 => 2,
        2 => 1,
        other => other,
    };
    if is(Deliberate::CrossedTaps) {
        CableNumber::new(crossed).unwrap_or(cable)
    } else {
        cable
    }
}
