//! The hosts of a soak.

use std::time::Duration;

/// Workers, or functions with their mappings. Some are always running, and killed ones are
/// replaced.
pub(super) trait Hosts {
    /// Starts, wakes and removes hosts that are due. Panics if a host has ended unexpectedly.
    fn maintain(&mut self);

    /// Kills one running host, or all, and returns their number.
    fn kill(&mut self, all: bool) -> usize;

    /// Kills a frozen host; returns whether there was one.
    fn kill_frozen(&mut self) -> bool;

    /// Freezes a running host for this long; returns whether there was one.
    fn freeze(&mut self, time: Duration) -> bool;

    /// Shuts down a running host, which is replaced; returns whether there was one.
    fn stop(&mut self) -> bool;

    /// Wakes all frozen hosts.
    fn wake_all(&mut self);

    /// Shuts down all hosts, waits until they have ended, and replaces none.
    fn stop_all(&mut self);

    /// The number of processes that were started.
    fn started(&self) -> usize;

    /// The number of processes that shut down.
    fn stopped(&self) -> usize;
}
