//! Runs the cases of a table in parallel, because they spend most of their time waiting.

use std::sync::Mutex;
use std::thread;

/// The number of concurrent cases, each with its own servers and programs.
const AT_ONCE: usize = 16;

/// Runs each case on a thread with its name, so that a failure names its case.
pub(crate) fn at_once<F: FnOnce() + Send>(cases: impl IntoIterator<Item = (String, F)>) {
    let cases: Vec<_> = cases.into_iter().collect();
    let (lanes, cases) = (AT_ONCE.min(cases.len()), Mutex::new(cases.into_iter()));
    let next = || cases.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                while let Some((name, case)) = next() {
                    let thread = thread::Builder::new().name(name.clone());
                    let case = thread.spawn_scoped(scope, case).unwrap();
                    assert!(case.join().is_ok(), "{name}");
                }
            });
        }
    });
}
