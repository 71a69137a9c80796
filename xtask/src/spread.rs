//! Work on many things at a time, as many as the host has processors.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does `work` on every item; results in the order of the items, whoever was done first. `work` gets the number of the worker that does
/// it, for a folder of its own.
pub(crate) fn spread<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(usize, &T) -> R + Sync,
) -> Vec<R> {
    spread_until(items, work, |_| false)
}

/// [`spread`], until `last` holds for a result: no more are begun then.
pub(crate) fn spread_until<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(usize, &T) -> R + Sync,
    last: impl Fn(&R) -> bool + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let results: Mutex<Vec<(usize, R)>> = Mutex::default();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for worker in 0..workers.min(items.len()) {
            let (next, stop, results, work, last) = (&next, &stop, &results, &work, &last);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(number) else {
                        return;
                    };
                    let result = work(worker, item);
                    if last(&result) {
                        stop.store(true, Ordering::Relaxed);
                    }
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.push((number, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_items() {
        let items: Vec<u32> = (0..100).collect();
        assert_eq!(spread(&items, |_, item| 2 * item)[..3], [0, 2, 4]);
        assert_eq!(spread(&items, |_, item| *item), items);
        assert!(spread(&[], |_, item: &u32| *item).is_empty());
    }

    #[test]
    fn nothing_is_begun_after_the_last() {
        let items: Vec<u32> = (0..1_000).collect();
        let done = spread_until(&items, |_, item| *item, |_| true);
        // Whoever is under way then has begun one.
        let workers = thread::available_parallelism().map_or(1, usize::from);
        assert!((1..=workers).contains(&done.len()), "{done:?}");
        let one = spread_until(&items[..1], |worker, item| (worker, *item), |_| true);
        assert_eq!(one, [(0, 0)]);
    }
}
