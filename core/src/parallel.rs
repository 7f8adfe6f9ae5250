//! Work on several things at once.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Texts of fewer bytes in all are not worth a thread.
///
/// # Sources
/// Chosen by hand: counting 64 KB takes ten times as long as starting a thread.
pub(crate) const MIN_BYTES: usize = 64 * 1024;

/// How many threads of this process help with some work now.
static HELPERS: AtomicUsize = AtomicUsize::new(0);

/// Calls `work` with every item, on this thread and on helpers while the process has fewer of them than cores beside this
/// one, so that neither work within work nor many requests at once start more. The order of the calls is not defined; a
/// panic in one of them is a panic of the whole.
pub(crate) fn for_each<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let run = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item);
        }
    };
    thread::scope(|scope| {
        for _ in 1..items.len() {
            let Some(helper) = Helper::take() else { break };
            scope.spawn(move || {
                let _helper = helper;
                run();
            });
        }
        run();
    });
}

/// The right to run one more thread, given back on drop.
struct Helper;

impl Helper {
    fn take() -> Option<Self> {
        static MOST: LazyLock<usize> =
            LazyLock::new(|| thread::available_parallelism().map_or(0, |cores| cores.get() - 1));
        let more = |running: usize| (running < *MOST).then_some(running + 1);
        HELPERS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        HELPERS.fetch_sub(1, Ordering::Relaxed);
    }
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
    fn work_within_work_starts_no_more_threads_than_there_are_cores() {
        let items: Vec<usize> = (0..50).collect();
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        for_each(&items, |_| {
            for_each(&items, |_| {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
            });
        });
        let cores = thread::available_parallelism().map_or(1, usize::from);
        assert!((1..=cores).contains(&most.into_inner()));
    }

    #[test]
    fn a_panic_is_not_lost() {
        let work = || for_each(&[1, 2, 3, 4], |item| assert!(*item < 3, "of an item"));
        assert!(std::panic::catch_unwind(work).is_err());
    }
}
