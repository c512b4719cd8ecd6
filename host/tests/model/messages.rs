//! Messages that are sent one by one: how a host sends them, and what it notes in the ledger, the number of messages that the bus
//! has accepted from the first one on. A repetition sends only the others to this bus, and all to another one.

use sluice::ledger::{Ledger, Sent};
use sluice_engine::digest::Digest;

use super::bugs::Bug;
use super::library::begun;
use super::promises::{Broken, ensure};
use super::state::{Move, Plan, Records, State, Work};
use super::steps::{FAULT, FREE, Steps};
use super::{Changes, Delivery};

/// The buses.
const BUSES: [u8; 2] = [0, 1];

fn bus_digest(bus: u8) -> Digest {
    Digest::of(&[b'b', bus])
}

impl Plan {
    /// What the host would note now.
    pub(super) fn sent(&self, bug: Option<Bug>) -> Sent {
        let messages = self.messages(bug);
        let is_acknowledged = |message: &u64| self.acknowledged.has_all(Records::one(*message));
        let count = match bug {
            Some(Bug::NotedUnacknowledged) => messages.count(),
            Some(Bug::NotedWithGap) => self.acknowledged.count(),
            _ => messages.iter().take_while(is_acknowledged).count() as u64,
        };
        Sent {
            bus: bus_digest(self.bus),
            messages: count,
            of: messages.count(),
        }
    }

    /// A note of the first message.
    pub(super) fn first_sent(&self, bug: Option<Bug>) -> Sent {
        Sent {
            bus: bus_digest(self.bus),
            messages: 1,
            of: self.messages(bug).count(),
        }
    }
}

/// How many of these messages a ledger says that a bus has.
fn noted(ledger: &Ledger, bus: Digest, messages: Records) -> u64 {
    let sent = ledger.sent_to(bus);
    sent.map_or(0, |sent| sent.known(messages.count()))
}

/// The first of these messages.
fn first(messages: Records, count: u64) -> Records {
    let first = messages.iter().take(usize::try_from(count).unwrap());
    first.map(Records::one).fold(Records(0), Records::and)
}

impl Delivery {
    /// The messages that a host does not send because a ledger says that the bus has them.
    pub(super) fn skipped(&self, ledger: &Ledger, plan: &Plan) -> Records {
        let messages = plan.messages(self.bug);
        let noted = match self.bug {
            Some(Bug::SkippedOnAnotherBus) => {
                let noted = BUSES.map(|bus| noted(ledger, bus_digest(bus), messages));
                noted.into_iter().max().unwrap_or(0)
            }
            _ => noted(ledger, bus_digest(plan.bus), messages),
        };
        first(messages, noted)
    }

    /// Each bus has the messages that a ledger says it has.
    pub(super) fn check_sent(&self, state: &State, after: &Ledger) -> Result<(), Broken> {
        let Some(pending) = after.pending().filter(|_| self.changes == Changes::Bus) else {
            return Ok(());
        };
        let messages = begun(pending).messages(self.bug);
        let is_noted_rightly = |bus: u8| {
            let noted = noted(after, bus_digest(bus), messages);
            let has = state.buses[usize::from(bus)];
            noted <= messages.count() && has.has_all(first(messages, noted))
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
        let left = plan.messages(model.bug).without(plan.acknowledged);
        if left.is_empty() {
            let what = format_args!("{name} has sent the messages of {}", plan.records);
            self.add(what, FREE, |to| {
                to.work(host).advance(model);
                Ok(())
            });
        }
        for message in left.iter().map(Records::one) {
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
        let messages = plan.messages(self.model.bug);
        let is_news = sent.messages > noted(&known, sent.bus, messages);
        drop(known);
        let notes = !(plan.again && self.model.has(Bug::SkippedOnAnotherBus));
        if work.write.is_none() && is_news && notes {
            self.write(host, work, Move::Note, FREE);
        }
    }
}
