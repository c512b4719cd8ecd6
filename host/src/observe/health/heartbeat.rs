//! Whether a worker still polls its stream, and whether its polls succeed. Pure: the time is an
//! argument.

use std::time::{Duration, Instant};

/// A worker polls several times per lease duration; one that has not polled for two of them has lost
/// its shards to other workers.
const LEASES_READY: u32 = 2;

/// A worker that has not polled for this many lease durations hangs.
const LEASES_LIVE: u32 = 10;

/// How old the last poll may be for a worker to be ready, and to be live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeartbeatLimits {
    ready: Duration,
    live: Duration,
}

impl HeartbeatLimits {
    /// A poll may take as long as operations are retried: a service that is down is no reason to kill
    /// the worker that waits for it.
    pub(super) fn new(lease: Duration, retry_timeout: Duration) -> Self {
        Self {
            ready: lease.saturating_mul(LEASES_READY),
            live: lease
                .saturating_mul(LEASES_LIVE)
                .saturating_add(retry_timeout),
        }
    }
}

/// The polls of a worker, as its health endpoints see them.
#[derive(Clone, Debug)]
pub(super) struct Heartbeat {
    limits: HeartbeatLimits,
    /// When the last poll ended; before the first one, when the run began.
    last: Instant,
    succeeded: bool,
    fault: Option<String>,
}

impl Heartbeat {
    pub(super) fn new(limits: HeartbeatLimits, now: Instant) -> Self {
        Self {
            limits,
            last: now,
            succeeded: false,
            fault: None,
        }
    }

    pub(super) fn beat(&mut self, now: Instant, fault: Option<String>) {
        self.last = now;
        self.succeeded |= fault.is_none();
        self.fault = fault;
    }

    /// Whether a poll has succeeded.
    pub(super) fn has_succeeded(&self) -> bool {
        self.succeeded
    }

    pub(super) fn live(&self, now: Instant) -> Result<(), String> {
        let ago = now.saturating_duration_since(self.last);
        if ago > self.limits.live {
            let ago = ago.as_secs();
            return Err(format!("the stream has not been polled for {ago} s"));
        }
        Ok(())
    }

    pub(super) fn ready(&self, now: Instant) -> Result<(), String> {
        let ago = now.saturating_duration_since(self.last);
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        if !self.succeeded {
            return Err("the stream has not been polled yet".into());
        }
        if ago > self.limits.ready {
            let ago = ago.as_secs();
            return Err(format!("the stream has not been polled for {ago} s"));
        }
        Ok(())
    }

    /// Whether no poll has ended since `moment`.
    pub(super) fn none_since(&self, moment: Instant) -> bool {
        moment > self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);
    const RETRY_TIMEOUT: Duration = Duration::from_secs(600);

    fn heartbeat() -> (Heartbeat, Instant) {
        let begun = Instant::now();
        let limits = HeartbeatLimits::new(LEASE, RETRY_TIMEOUT);
        (Heartbeat::new(limits, begun), begun)
    }

    #[test]
    fn a_worker_is_not_ready_before_its_first_poll() {
        let (mut heartbeat, begun) = heartbeat();
        assert!(
            heartbeat
                .ready(begun)
                .unwrap_err()
                .contains("not been polled yet")
        );
        heartbeat.beat(begun + LEASE, None);
        assert_eq!(heartbeat.ready(begun + LEASE), Ok(()));
    }

    #[test]
    fn a_failed_poll_is_the_reason_until_one_succeeds() {
        let (mut heartbeat, begun) = heartbeat();
        for fault in ["denied", "denied again"] {
            heartbeat.beat(begun, Some(fault.into()));
            assert_eq!(heartbeat.ready(begun), Err(fault.into()));
        }
        heartbeat.beat(begun, None);
        assert_eq!(heartbeat.ready(begun), Ok(()));
    }

    #[test]
    fn a_slow_poll_ends_readiness_first_and_liveness_much_later() {
        let (mut heartbeat, begun) = heartbeat();
        heartbeat.beat(begun, None);
        let after = |leases: u32| begun + LEASE * leases + Duration::from_millis(1);
        assert_eq!(heartbeat.ready(after(1)), Ok(()));
        assert!(heartbeat.ready(after(2)).unwrap_err().contains("for 60 s"));
        assert_eq!(heartbeat.live(after(10)), Ok(()), "services are waited for");
        assert_eq!(heartbeat.live(begun + RETRY_TIMEOUT), Ok(()));
        let stuck = heartbeat.live(after(10) + RETRY_TIMEOUT).unwrap_err();
        assert!(stuck.contains("for 900 s"), "{stuck}");
    }

    #[test]
    fn a_failed_poll_is_a_sign_of_life() {
        let (mut heartbeat, begun) = heartbeat();
        let later = begun + RETRY_TIMEOUT + LEASE * 11;
        assert!(heartbeat.live(later).is_err());
        heartbeat.beat(later, Some("denied".into()));
        assert_eq!(heartbeat.live(later), Ok(()));
    }
}
