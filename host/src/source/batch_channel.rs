//! The channel from the reader of a shard to the pipeline. The memory of the batches that wait in it is counted, over
//! all shards of the process together.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};

use sluice_engine::record::Batch;
use tokio::sync::mpsc;

use super::SourceError;
use super::budget::{BatchMemory, Budget};

/// A channel for this many batches, which must be at least one. Their memory is taken from the budget and is given back
/// when the receiver takes or drops them. If the budget has no room for a batch, the batch waits until the channel is
/// empty instead, and is not counted. So each shard can always go on, whatever the others do.
#[must_use]
pub fn batch_channel(places: usize, budget: &Budget) -> (BatchSender, BatchReceiver) {
    let (sender, receiver) = mpsc::channel(places);
    let budget = budget.clone();
    (BatchSender { sender, budget }, BatchReceiver(receiver))
}

type Sent = Result<(Batch, Option<BatchMemory>), SourceError>;

/// The reader's end of the channel, of which there is one.
#[derive(Debug)]
pub struct BatchSender {
    sender: mpsc::Sender<Sent>,
    budget: Budget,
}

/// The pipeline's end of the channel.
#[derive(Debug)]
pub struct BatchReceiver(mpsc::Receiver<Sent>);

/// The receiver of the batches was dropped.
#[derive(Debug)]
pub struct ReceiverGone;

/// A place in the channel, with the memory of its batch.
#[derive(Debug)]
pub struct Place<'a> {
    places: mpsc::PermitIterator<'a, Sent>,
    memory: Option<BatchMemory>,
}

impl BatchSender {
    /// Waits for a place for a batch of this many bytes.
    ///
    /// # Errors
    /// The receiver was dropped.
    pub async fn reserve(&self, bytes: u64) -> Result<Place<'_>, ReceiverGone> {
        let memory = self.budget.batch(bytes);
        let places = match &memory {
            Some(_) => 1,
            None => self.sender.max_capacity(),
        };
        let places = self.sender.reserve_many(places).await;
        let places = places.map_err(|_| ReceiverGone)?;
        Ok(Place { places, memory })
    }

    /// Waits until the channel is empty, so that the next batch passes in any case.
    ///
    /// # Errors
    /// The receiver was dropped.
    pub async fn empty(&self) -> Result<(), ReceiverGone> {
        let places = self.sender.reserve_many(self.sender.max_capacity()).await;
        places.map(drop).map_err(|_| ReceiverGone)
    }

    /// Sends a batch, as soon as there is a place for it.
    ///
    /// # Errors
    /// The receiver was dropped.
    pub async fn send(&self, batch: Batch) -> Result<(), ReceiverGone> {
        self.reserve(batch.bytes()).await?.send(batch);
        Ok(())
    }

    /// As [`send`](Self::send), on a thread that may block.
    ///
    /// # Errors
    /// The receiver was dropped.
    pub fn blocking_send(&self, batch: Batch) -> Result<(), ReceiverGone> {
        block_on(self.send(batch))
    }

    /// Sends the error that ends the shard. If the receiver was dropped, nobody needs it.
    pub async fn fail(&self, error: SourceError) {
        let _receiver_is_gone = self.sender.send(Err(error)).await;
    }

    /// As [`fail`](Self::fail), on a thread that may block.
    pub fn blocking_fail(&self, error: SourceError) {
        let _receiver_is_gone = self.sender.blocking_send(Err(error));
    }
}

impl Place<'_> {
    /// Sends the batch for which the place was reserved.
    pub fn send(mut self, batch: Batch) {
        if let Some(place) = self.places.next() {
            place.send(Ok((batch, self.memory)));
        }
    }
}

impl BatchReceiver {
    /// The next batch, whose memory is given back; `None` at the end.
    ///
    /// # Errors
    /// What the reader failed with.
    pub async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        let sent = self.0.recv().await.transpose()?;
        Ok(sent.map(|(batch, _given_back)| batch))
    }
}

/// Wakes a thread that is parked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread, which needs no runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(thread::current())).into();
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use sluice_engine::record::{Record, SequenceNumber, ShardId};

    use super::*;

    const MIB: usize = 1 << 20;

    /// A batch with one record of this size.
    fn batch(bytes: usize) -> Batch {
        let mut batch = Batch::new(ShardId::new("s").unwrap());
        batch.push(Record {
            data: &vec![b' '; bytes],
            partition_key: "",
            position: SequenceNumber::from(0).into(),
            arrived_at: 0,
        });
        batch
    }

    /// A budget that has room for this many bytes of batches, at most 12 MiB: batches may take a quarter of it.
    fn room_for(bytes: usize) -> Budget {
        Budget::new(4 * bytes as u64)
    }

    /// Lets every other task of this thread run until it waits.
    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    /// Sends as many batches of this size as there is room for, and returns how many.
    async fn fill(sender: &BatchSender, bytes: usize) -> usize {
        let mut sent = 0;
        while sender.send(batch(bytes)).now_or_never().is_some() {
            sent += 1;
            // Otherwise, the runtime makes a task that does too much at a time wait.
            tokio::task::yield_now().await;
        }
        sent
    }

    #[tokio::test]
    async fn batches_that_wait_are_bounded_over_all_shards() {
        let budget = room_for(6 * MIB);
        let (first, mut of_first) = batch_channel(4, &budget);
        let (second, mut of_second) = batch_channel(4, &budget);
        assert_eq!(fill(&first, MIB - 100).await, 4);
        assert_eq!(fill(&second, MIB - 100).await, 2);
        let (third, mut of_third) = batch_channel(4, &budget);
        assert_eq!(fill(&third, MIB - 100).await, 1, "one batch always passes");
        assert!(of_first.next().await.unwrap().is_some());
        assert_eq!(fill(&second, MIB - 100).await, 1);
        assert_eq!(fill(&first, MIB - 100).await, 0);
        assert!(of_third.next().await.unwrap().is_some());
        assert_eq!(fill(&third, MIB - 100).await, 1);
        assert!(of_second.next().await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_batch_larger_than_all_memory_passes_alone() {
        let budget = room_for(MIB);
        let (sender, mut receiver) = batch_channel(4, &budget);
        assert_eq!(fill(&sender, 1_000).await, 4);
        for _ in 0..4 {
            assert_eq!(fill(&sender, 2 * MIB).await, 0);
            assert!(receiver.next().await.unwrap().is_some());
        }
        assert_eq!(fill(&sender, 2 * MIB).await, 1);
        // What is small still finds room, and what is large waits for it.
        assert_eq!(fill(&sender, 1_000).await, 3);
        assert_eq!(
            receiver.next().await.unwrap().unwrap().data().len(),
            2 * MIB
        );
    }

    #[tokio::test]
    async fn a_slow_receiver_gets_everything_in_order_and_hundreds_of_others_do_not_stop_it() {
        let budget = room_for(MIB);
        let blocked: Vec<_> = (0..300).map(|_| batch_channel(4, &budget)).collect();
        for (sender, _receiver) in &blocked {
            assert!(fill(sender, MIB).await >= 1);
        }
        let (sender, mut receiver) = batch_channel(4, &budget);
        let sends = tokio::spawn(async move {
            for bytes in 1..100 {
                sender.send(batch(bytes * 10_000)).await.unwrap();
            }
        });
        for bytes in 1..100 {
            settle().await;
            let next = receiver.next().await.unwrap().unwrap();
            assert_eq!(next.data().len(), bytes * 10_000);
        }
        sends.await.unwrap();
        assert!(receiver.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_dropped_receiver_gives_all_memory_back() {
        let budget = room_for(4 * MIB);
        let (sender, receiver) = batch_channel(4, &budget);
        assert_eq!(fill(&sender, MIB - 100).await, 4);
        assert!(budget.batch(MIB as u64 - 100).is_none());
        drop(receiver);
        assert!(sender.send(batch(1)).await.is_err());
        assert!(budget.batch(4 * MIB as u64).is_some());
    }

    #[test]
    fn a_thread_waits_for_memory_without_a_runtime() {
        let budget = room_for(0);
        let (sender, mut receiver) = batch_channel(2, &budget);
        let reader = thread::spawn(move || {
            for bytes in 1..=100 {
                sender.blocking_send(batch(bytes)).unwrap();
            }
            let end = SourceError::Record {
                name: "s".into(),
                why: "the end".into(),
            };
            sender.blocking_fail(end);
        });
        for bytes in 1..=100 {
            let next = block_on(receiver.next()).unwrap().unwrap();
            assert_eq!(next.data().len(), bytes);
        }
        assert!(block_on(receiver.next()).is_err());
        reader.join().unwrap();
    }
}
