//! The load: a thread puts records as fast as the workers land them, and reads and checks the
//! messages on the bus.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use super::account::{Account, Releases};
use super::parameters::Parameters;
use super::records::Recipe;
use crate::support::cloud::{Cloud, STREAM};
use testkit::kinesis::Maker;

/// The maximum rate of records per second.
const RATE: f64 = 6_000.0;

/// The interval of puts and reads.
const EVERY: Duration = Duration::from_millis(10);

/// The state that the threads share.
struct Shared {
    cloud: Arc<Cloud>,
    account: Mutex<Account>,
    releases: Releases,
    /// Whether to put no more records.
    stop_puts: AtomicBool,
    /// Whether to end.
    stop: AtomicBool,
}

/// The running load. It ends when it is dropped.
pub(super) struct Load {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    pub(super) fn start(
        cloud: &Arc<Cloud>,
        seed: u64,
        parameters: Parameters,
        releases: Releases,
    ) -> Self {
        let recipe = Recipe {
            seed,
            packs: parameters.decodes,
        };
        let shared = Arc::new(Shared {
            cloud: Arc::clone(cloud),
            account: Mutex::new(Account::new(recipe, parameters)),
            releases,
            stop_puts: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let running = Arc::clone(&shared);
        let thread = thread::spawn(move || running.run(Pcg64Mcg::seed_from_u64(!seed)));
        Self {
            shared,
            thread: Some(thread),
        }
    }

    pub(super) fn account(&self) -> MutexGuard<'_, Account> {
        self.shared.account.lock().expect("a message was wrong")
    }

    pub(super) fn releases(&self) -> &Releases {
        &self.shared.releases
    }

    /// Puts no more records. Messages are still read.
    pub(super) fn stop_puts(&self) {
        self.shared.stop_puts.store(true, Relaxed);
    }

    /// Reads the last messages and ends.
    pub(super) fn finish(&mut self) {
        self.shared.stop.store(true, Relaxed);
        let thread = self.thread.take().unwrap();
        thread.join().expect("a message was wrong");
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _said_already = thread.join();
        }
    }
}

impl Shared {
    fn run(&self, mut rng: Pcg64Mcg) {
        let recipe = self.account.lock().unwrap().recipe;
        let maker: Maker = Arc::new(move |number| recipe.data(number));
        let mut allowed: f64 = 0.0;
        let mut last = Instant::now();
        loop {
            let stopping = self.stop.load(Relaxed);
            self.take();
            if stopping {
                return;
            }
            allowed = (allowed + last.elapsed().as_secs_f64() * RATE).min(RATE);
            last = Instant::now();
            while allowed > 0.0 && !self.stop_puts.load(Relaxed) {
                let Some(count) = self.put(&maker) else { break };
                allowed -= f64::from(count);
            }
            thread::sleep(if rng.random_range(0..2_000) == 0 {
                Duration::from_secs(rng.random_range(1..=4))
            } else {
                EVERY
            });
        }
    }

    /// Puts the next Kinesis record and returns the number of its user records; `None` if there are
    /// enough.
    fn put(&self, maker: &Maker) -> Option<u32> {
        let mut account = self.account.lock().unwrap();
        if account.backlog() >= account.parameters.backlog_max() {
            return None;
        }
        let number = account.next_number();
        let kinesis = &self.cloud.kinesis;
        let (shard, sequence) = kinesis.put_made(STREAM, &Recipe::key(number), maker, number);
        account.note(&self.cloud, &shard, &sequence);
        account.puts.last().map(|put| put.count)
    }

    fn take(&self) {
        let bus = self.cloud.queue.as_deref().unwrap();
        let messages = self.cloud.sqs.take(bus);
        let mut account = self.account.lock().unwrap();
        for message in messages {
            account.take(&message, &self.releases);
        }
    }
}
