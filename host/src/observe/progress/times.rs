//! Histograms of durations.

use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;

/// Upper bounds of the buckets, seconds. A chunk of a stream stays open for `--chunk-age`.
const CHUNK: [f64; 13] = [
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 90.0, 180.0, 600.0,
];

/// Objects and messages: a file takes parts of a millisecond, a service that is busy a minute.
const WRITE: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0,
];

/// A batch of a thousand small records takes milliseconds.
const BATCH: [f64; 12] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// A histogram of durations. Clones share it.
#[derive(Clone, Debug)]
pub struct Timing(pub(super) Histogram);

impl Timing {
    fn new(bounds: impl IntoIterator<Item = f64>) -> Self {
        Self(Histogram::new(bounds))
    }

    /// Adds a duration.
    pub fn observe(&self, time: Duration) {
        self.0.observe(time.as_secs_f64());
    }
}

/// The histograms of a run.
#[derive(Debug)]
pub struct Times {
    /// A chunk, from its first batch to its commit.
    pub chunk: Timing,
    /// The put of one object, retries included.
    pub put: Timing,
    /// The put of one chunk manifest, retries included.
    pub manifest: Timing,
    /// The messages of one chunk, retries included.
    pub send: Timing,
    /// The transform of one batch.
    pub transform: Timing,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            chunk: Timing::new(CHUNK),
            put: Timing::new(WRITE),
            manifest: Timing::new(WRITE),
            send: Timing::new(WRITE),
            transform: Timing::new(BATCH),
        }
    }
}
