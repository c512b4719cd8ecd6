//! Messages that are sent one by one: how a host sends them, and what it notes in the ledger, the number of messages that the bus
//! has accepted from the first one on. A repetition sends only the others to this bus, and all to another one, or if it makes another
//! number of messages.

use sluice::ledger::{Ledger, Sent};
use sluice_engine::digest::Digest;

use super::Delivery;
use super::bugs::Bug;
use super::library::begun;
use super::promises::{Broken, ensure};
use super::state::{Move, Plan, Records, State, Work};
use super::steps::{FAULT, FREE, Steps};

/// The buses.
const BUSES: [u8; 2] = [0, 1];

/// How messages are made: of one record each, or of two.
const PACKINGS: [u8; 2] = [0, 1];

fn bus_digest(bus: u8) -> Digest {
    Digest::of(&[b'b', bus])
}

impl Plan {
    /// What the host would note now.
    pub(super) fn sent(&self, bug: Option<Bug>) -> Sent {
        let messages = self.in_messages(bug);
        let is_acknowledged = |message: &&Records| self.acknowledged.has_all(**message);
        let count = match bug {
            Some(Bug::NotedUnacknowledged) => messages.len(),
            Some(Bug::NotedWithGap) => messages.iter().filter(is_acknowledged).count(),
            _ => messages.iter().take_while(is_acknowledged).count(),
        };
        Sent {
            bus: bus_digest(self.bus),
            messages: count as u64,
            of: messages.len() as u64,
        }
    }

    /// A note of the first message.
    pub(super) fn first_sent(&self, bug: Option<Bug>) -> Sent {
        Sent {
            bus: bus_digest(self.bus),
            messages: 1,
            of: self.in_messages(bug).len() as u64,
        }
    }

    /// Its messages in their order, each with the records of its events.
    fn in_messages(&self, bug: Option<Bug>) -> Vec<Records> {
        let records: Vec<_> = self.messages(bug).iter().map(Records::one).collect();
        let messages = records.chunks(usize::from(1 + self.packing));
        messages.map(all).collect()
    }
}

/// All records of messages.
fn all(messages: &[Records]) -> Records {
    messages.iter().copied().fold(Records(0), Records::and)
}

/// The records of the first messages, of which there may be fewer.
fn first(messages: &[Records], count: u64) -> Records {
    let count = usize::try_from(count).unwrap();
    all(&messages[..count.min(messages.len())])
}

impl Delivery {
    /// The messages that a host does not send because a ledger says that the bus has them.
    pub(super) fn skipped(&self, ledger: &Ledger, plan: &Plan) -> Records {
        let messages = plan.in_messages(self.bug);
        let of = messages.len() as u64;
        let noted = match self.bug {
            Some(Bug::SkippedOnAnotherBus) => {
                let noted = BUSES.map(|bus| self.noted(ledger, bus, of));
                noted.into_iter().max().unwrap_or(0)
            }
            _ => self.noted(ledger, plan.bus, of),
        };
        first(&messages, noted)
    }

    /// How many of `of` messages a host takes a ledger to say that a bus has.
    fn noted(&self, ledger: &Ledger, bus: u8, of: u64) -> u64 {
        let sent = ledger.sent_to(bus_digest(bus));
        sent.map_or(0, |sent| match self.bug {
            Some(Bug::SkippedOfOthers) => sent.messages,
            _ => sent.known(of),
        })
    }

    /// Each bus has the messages that a ledger says it has.
    pub(super) fn check_sent(&self, state: &State, after: &Ledger) -> Result<(), Broken> {
        let Some(pending) = after.pending().filter(|_| self.changes.sends_each()) else {
            return Ok(());
        };
        let plan = begun(pending);
        let packed = PACKINGS.map(|packing| Plan { packing, ..plan }.in_messages(self.bug));
        let is_noted_rightly = |bus: u8| {
            let Some(sent) = after.sent_to(bus_digest(bus)) else {
                return true;
            };
            let has = state.buses[usize::from(bus)];
            let mut packed = packed.iter();
            let messages = packed.find(|messages| messages.len() as u64 == sent.of);
            messages.is_some_and(|messages| {
                sent.messages <= sent.of && has.has_all(first(messages, sent.messages))
            })
        };
        ensure(
            BUSES.into_iter().all(is_noted_rightly),
            Broken::NotedTooEarly,
        )
    }
}

impl Steps<'_> {
    /// Sends the messages in any order, as calls at once do, and notes those that the bus has accepted. An answer can be lost,
    /// and the message is then sent again.
    pub(super) fn send_each(&mut self, host: usize, work: Work, plan: Plan) {
        let (model, name) = (self.model, self.name(host));
        let mut left = plan.in_messages(model.bug);
        left.retain(|message| !plan.acknowledged.has_all(*message));
        if left.is_empty() {
            let what = format_args!("{name} has sent the messages of {}", plan.records);
            self.add(what, FREE, |to| {
                to.work(host).advance(model);
                Ok(())
            });
        }
        for message in left {
            let what = format_args!("{name} sends the message of {message} to bus {}", plan.bus);
            self.add(what, FREE, |to| {
                model.send(to, plan.bus, message)?;
                if let Some(plan) = &mut to.work(host).plan {
                    plan.acknowledged = plan.acknowledged.and(message);
                }
                Ok(())
            });
            let what = format_args!("{name} sends the message of {message}, its answer is lost");
            self.add(what, FAULT, |to| model.send(to, plan.bus, message));
        }
        self.note(host, work, plan);
    }

    fn note(&mut self, host: usize, work: Work, plan: Plan) {
        let sent = plan.sent(self.model.bug);
        let known = self.model.library.ledger(work.known.ledger);
        let is_news = sent.messages > self.model.noted(&known, plan.bus, sent.of);
        drop(known);
        let notes = !(plan.again && self.model.has(Bug::SkippedOnAnotherBus));
        if work.write.is_none() && is_news && notes {
            self.write(host, work, Move::Note, FREE);
        }
    }
}
