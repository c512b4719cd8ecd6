//! Cases of a table, all at once: they spend most of their time waiting.

use std::thread;

/// Runs each case on a thread of its name, so that one that fails says which it was.
pub(crate) fn at_once<F: FnOnce() + Send>(cases: impl IntoIterator<Item = (String, F)>) {
    thread::scope(|scope| {
        for (name, case) in cases {
            let thread = thread::Builder::new().name(name);
            thread.spawn_scoped(scope, case).unwrap();
        }
    });
}
