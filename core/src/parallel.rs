//! Work on several things at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Texts of fewer bytes in all are not worth a thread.
///
/// # Sources
/// Chosen by hand: counting 64 KB takes ten times as long as starting a thread.
pub(crate) const MIN_BYTES: usize = 64 * 1024;

/// Calls `work` with every item, on as many threads as the machine has cores. The order of the calls is not defined; a
/// panic in one of them is a panic of the whole.
pub(crate) fn for_each<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let run = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item);
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 1..cores.min(items.len()) {
            scope.spawn(run);
        }
        run();
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        for count in [0, 1, 2, 100] {
            let items: Vec<usize> = (0..count).collect();
            let seen = Mutex::new(Vec::new());
            for_each(&items, |item| seen.lock().expect("no panic").push(*item));
            let seen = seen.into_inner().expect("no panic");
            assert_eq!(seen.len(), count);
            assert_eq!(seen.into_iter().collect::<BTreeSet<_>>().len(), count);
        }
    }

    #[test]
    fn a_panic_is_not_lost() {
        let work = || for_each(&[1, 2, 3, 4], |item| assert!(*item < 3, "of an item"));
        assert!(std::panic::catch_unwind(work).is_err());
    }
}
