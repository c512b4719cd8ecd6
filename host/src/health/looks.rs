//! A worker's looks at its stream, told from outside: do they come round, and do they succeed? Pure,
//! with the time as an argument.

use std::time::{Duration, Instant};

/// A worker looks several times in the duration of a lease; one that has not done so for two of them
/// has lost its shards to others.
const LEASES_READY: u32 = 2;

/// A loop that has not turned for so many leases stands still.
const LEASES_LIVE: u32 = 10;

/// How often looks have to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rhythm {
    ready: Duration,
    live: Duration,
}

impl Rhythm {
    /// A poll waits for services as long as operations are retried: a service that is down is no reason to
    /// kill the worker that waits for it.
    pub(super) fn new(lease: Duration, retry_timeout: Duration) -> Self {
        Self {
            ready: lease.saturating_mul(LEASES_READY),
            live: lease
                .saturating_mul(LEASES_LIVE)
                .saturating_add(retry_timeout),
        }
    }
}

/// The looks so far.
#[derive(Clone, Debug)]
pub(super) struct Looks {
    rhythm: Rhythm,
    /// When the last one came round; at first, when the run began.
    last: Instant,
    succeeded: bool,
    fault: Option<String>,
}

impl Looks {
    pub(super) fn new(rhythm: Rhythm, now: Instant) -> Self {
        Self {
            rhythm,
            last: now,
            succeeded: false,
            fault: None,
        }
    }

    pub(super) fn came_round(&mut self, now: Instant, fault: Option<String>) {
        self.last = now;
        self.succeeded |= fault.is_none();
        self.fault = fault;
    }

    pub(super) fn live(&self, now: Instant) -> Result<(), String> {
        let ago = now.saturating_duration_since(self.last);
        if ago > self.rhythm.live {
            let ago = ago.as_secs();
            return Err(format!("the stream was not looked at for {ago} s"));
        }
        Ok(())
    }

    pub(super) fn ready(&self, now: Instant) -> Result<(), String> {
        let ago = now.saturating_duration_since(self.last);
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        if !self.succeeded {
            return Err("the stream was not looked at yet".into());
        }
        if ago > self.rhythm.ready {
            let ago = ago.as_secs();
            return Err(format!("the stream was not looked at for {ago} s"));
        }
        Ok(())
    }

    /// Whether no look has come round since `moment`.
    pub(super) fn none_since(&self, moment: Instant) -> bool {
        moment > self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);
    const RETRY_TIMEOUT: Duration = Duration::from_secs(600);

    fn looks() -> (Looks, Instant) {
        let begun = Instant::now();
        (Looks::new(Rhythm::new(LEASE, RETRY_TIMEOUT), begun), begun)
    }

    #[test]
    fn a_worker_is_ready_when_it_has_looked_and_not_before() {
        let (mut looks, begun) = looks();
        assert!(
            looks
                .ready(begun)
                .unwrap_err()
                .contains("not looked at yet")
        );
        looks.came_round(begun + LEASE, None);
        assert_eq!(looks.ready(begun + LEASE), Ok(()));
    }

    #[test]
    fn a_failed_look_is_the_reason_until_one_succeeds() {
        let (mut looks, begun) = looks();
        for fault in ["refused", "refused again"] {
            looks.came_round(begun, Some(fault.into()));
            assert_eq!(looks.ready(begun), Err(fault.into()));
        }
        looks.came_round(begun, None);
        assert_eq!(looks.ready(begun), Ok(()));
    }

    #[test]
    fn a_look_that_takes_long_costs_readiness_first_and_life_much_later() {
        let (mut looks, begun) = looks();
        looks.came_round(begun, None);
        let after = |leases: u32| begun + LEASE * leases + Duration::from_millis(1);
        assert_eq!(looks.ready(after(1)), Ok(()));
        assert!(looks.ready(after(2)).unwrap_err().contains("for 60 s"));
        assert_eq!(looks.live(after(10)), Ok(()), "services are waited for");
        assert_eq!(looks.live(begun + RETRY_TIMEOUT), Ok(()));
        let stuck = looks.live(after(10) + RETRY_TIMEOUT).unwrap_err();
        assert!(stuck.contains("for 900 s"), "{stuck}");
    }

    #[test]
    fn a_look_that_fails_is_a_sign_of_life() {
        let (mut looks, begun) = looks();
        let later = begun + RETRY_TIMEOUT + LEASE * 11;
        assert!(looks.live(later).is_err());
        looks.came_round(later, Some("refused".into()));
        assert_eq!(looks.live(later), Ok(()));
    }
}
