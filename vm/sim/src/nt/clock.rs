//! The clocks that drivers read.

use crate::finding;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::wait;
use crate::rules;
use crate::sched;
use crate::time::{Hns, QPC_FREQUENCY};

/// Length of a clock tick in 100 ns: 15.625 ms, the default of current Windows (wdm/nf-wdm-kequerytimeincrement).
pub(crate) const TICK: u64 = 156_250;

/// The longest that a driver may keep the processor busy, in microseconds (ntifs/nf-ntifs-kestallexecutionprocessor, Remarks).
const STALL_LIMIT: u32 = 50;

/// Writes through a pointer that may be null.
fn store<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: the driver passed the place for the result; a bad address faults into a report.
        unsafe { place.write_unaligned(value) };
    }
}

extern "win64" fn ke_query_performance_counter(frequency: *mut u64) -> u64 {
    store(frequency, QPC_FREQUENCY);
    kernel().now().0
}

extern "win64" fn ke_query_interrupt_time_precise(counter: *mut u64) -> u64 {
    store(counter, kernel().now().0);
    kernel().now().0
}

extern "win64" fn ke_query_interrupt_time() -> u64 {
    kernel().now().0 / TICK * TICK
}

extern "win64" fn ke_query_unbiased_interrupt_time() -> u64 {
    ke_query_interrupt_time()
}

extern "win64" fn ke_query_system_time_precise(time: *mut u64) {
    store(time, kernel().clock.system_time());
}

extern "win64" fn ke_query_time_increment() -> u32 {
    u32::try_from(TICK).expect("a tick is short")
}

extern "win64" fn ke_query_tick_count(count: *mut u64) {
    store(count, kernel().now().0 / TICK);
}

extern "win64" fn ke_stall_execution_processor(microseconds: u32) {
    if microseconds > STALL_LIMIT {
        let text = format!(
            "KeStallExecutionProcessor for {microseconds} microseconds; more than {STALL_LIMIT} are for a thread that waits"
        );
        finding::raise(&rules::BAD_ARGUMENT, text);
    }
    // The processor is busy: time passes, and nothing else happens on it meanwhile.
    let end = kernel().now() + Hns::from_micros(u64::from(microseconds));
    kernel().clock.advance_to(end);
}

extern "win64" fn ke_delay_execution_thread(
    _mode: i8,
    _alertable: u8,
    interval: *const i64,
) -> i32 {
    // SAFETY: the driver passed the interval; a bad address faults into a report.
    let interval = unsafe { interval.read_unaligned() };
    wait::check(Some(interval), "KeDelayExecutionThread");
    sched::run_until(|| false, Some(wait::due_time(interval)));
    0
}

nt_rows! {
    "KeQueryPerformanceCounter"    ke_query_performance_counter     ANY "ntifs/nf-ntifs-kequeryperformancecounter";
    "KeQueryInterruptTimePrecise"  ke_query_interrupt_time_precise  ANY "wdm/nf-wdm-kequeryinterrupttimeprecise";
    "KeQueryInterruptTime"         ke_query_interrupt_time          ANY "wdm/nf-wdm-kequeryinterrupttime";
    "KeQueryUnbiasedInterruptTime" ke_query_unbiased_interrupt_time ANY "wdm/nf-wdm-kequeryunbiasedinterrupttime";
    "KeQuerySystemTimePrecise"     ke_query_system_time_precise     ANY "wdm/nf-wdm-kequerysystemtimeprecise";
    "KeQuerySystemTime"            ke_query_system_time_precise     ANY "wdm/nf-wdm-kequerysystemtime-r1";
    "KeQueryTimeIncrement"         ke_query_time_increment          ANY "wdm/nf-wdm-kequerytimeincrement";
    "KeQueryTickCount"             ke_query_tick_count              ANY "wdm/nf-wdm-kequerytickcount";
    "KeStallExecutionProcessor"    ke_stall_execution_processor     ANY "ntifs/nf-ntifs-kestallexecutionprocessor";
    "KeDelayExecutionThread"       ke_delay_execution_thread        APC "wdm/nf-wdm-kedelayexecutionthread";
}
