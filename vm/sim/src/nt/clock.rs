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

/// Ticks of 100 ns in a day, and days from 1601 to 1970.
const DAY: u64 = 24 * 60 * 60 * 10_000_000;
const DAYS_TO_1970: u64 = 134_774;

/// Year, month, day, hour, minute, second, millisecond and day of the week of a system time (TIME_FIELDS, wdm.h).
fn fields(time: u64) -> [i16; 8] {
    let (days, rest) = (time / DAY, time % DAY);
    // The civil calendar in eras of 400 years that begin in March, so that the day of leap years is the last.
    let since = days as i64 - DAYS_TO_1970 as i64 + 719_468;
    let (era, day) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let milliseconds = (rest / 10_000) as i64;
    // 1 January 1601 was a Monday.
    let weekday = (days as i64 + 1) % 7;
    let [seconds, minutes, hours] = [1000, 60_000, 3_600_000].map(|unit| milliseconds / unit);
    [
        year,
        month,
        date,
        hours,
        minutes % 60,
        seconds % 60,
        milliseconds % 1000,
        weekday,
    ]
    .map(|field| field as i16)
}

extern "win64" fn rtl_time_to_time_fields(time: *const u64, out: *mut [i16; 8]) {
    // SAFETY: the driver's time and its place for the fields; bad addresses fault into a report.
    unsafe { out.write_unaligned(fields(time.read_unaligned())) };
}

/// The machine's clock shows universal time.
extern "win64" fn ex_system_time_to_local_time(time: *const u64, local: *mut u64) {
    // SAFETY: the driver's variables; bad addresses fault into a report.
    unsafe { local.write_unaligned(time.read_unaligned()) };
}

nt_rows! {
    "RtlTimeToTimeFields"          rtl_time_to_time_fields          ANY "wdm/nf-wdm-rtltimetotimefields";
    "ExSystemTimeToLocalTime"      ex_system_time_to_local_time     ANY "wdm/nf-wdm-exsystemtimetolocaltime";
    "ExLocalTimeToSystemTime"      ex_system_time_to_local_time     ANY "wdm/nf-wdm-exlocaltimetosystemtime";
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date() {
        const SECOND: u64 = 10_000_000;
        for (time, expect) in [
            (0, [1601, 1, 1, 0, 0, 0, 0, 1]),
            // Unix time 951 782 399.5: the last half second of a leap year's 28 February.
            (
                (11_644_473_600 + 951_782_399) * SECOND + SECOND / 2,
                [2000, 2, 28, 23, 59, 59, 500, 1],
            ),
            (
                (11_644_473_600 + 951_782_400) * SECOND,
                [2000, 2, 29, 0, 0, 0, 0, 2],
            ),
        ] {
            assert_eq!(fields(time), expect);
        }
    }
}
