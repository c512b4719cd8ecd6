//! What lands the records of a soak.

use std::time::Duration;

/// Workers, or functions behind their mappings. Some are at work at any time, and whoever is killed is
/// followed by another.
pub(super) trait Hosts {
    /// Starts, wakes and buries whoever is due. Panics where one has ended who was not told to.
    fn tend(&mut self);

    /// Kills one that works, or all of them; says how many that were.
    fn kill(&mut self, all: bool) -> usize;

    /// Kills one that is frozen; says whether there was one.
    fn kill_frozen(&mut self) -> bool;

    /// Freezes one that works for so long; says whether there was one.
    fn freeze(&mut self, time: Duration) -> bool;

    /// Lets one that works end in good order, and another follow; says whether there was one.
    fn stop(&mut self) -> bool;

    /// Wakes whoever is frozen.
    fn wake_all(&mut self);

    /// Lets all end in good order and waits until they have. Nobody follows.
    fn stop_all(&mut self);

    /// How many processes were started.
    fn started(&self) -> usize;

    /// How many ended in good order.
    fn stopped(&self) -> usize;
}
