//! Writes of ledgers. The program's own code decides what is written and what a response means. The
//! model adds the store and the network.

use sluice::ledger::lease::{Lease, Resolved, Swap, Versioned};
use sluice::ledger::{Ledger, LedgerError};
use sluice_engine::digest::Digest;

use super::bugs::Bug;
use super::library::{Library, pending};
use super::state::{At, Doc, Known, Late, Move, Plan, State, Work, Write};
use super::steps::{FAULT, FREE, Steps};
use super::{Delivery, Mode};

/// Takes a step of a ledger.
fn step(
    ledger: &Ledger,
    what: Move,
    plan: Option<&Plan>,
    bug: Option<Bug>,
) -> Result<Ledger, LedgerError> {
    match (what, plan) {
        (Move::Pin, Some(plan)) => pin(ledger, plan, bug),
        (Move::Note, Some(plan)) => ledger.with_sent(pending(plan, bug).range, plan.sent(bug)),
        (Move::Commit, Some(plan)) => {
            let range = pending(plan, bug).range;
            ledger.commit(range, Digest::of(&[0]))
        }
        (Move::Finish, _) => Ok(ledger.finish()?.give_back()),
        (Move::GiveBack, _) => Ok(ledger.give_back()),
        _ => Ok(ledger.clone()),
    }
}

fn pin(ledger: &Ledger, plan: &Plan, bug: Option<Bug>) -> Result<Ledger, LedgerError> {
    let pinned = ledger.pin(pending(plan, bug))?;
    match ledger.committed() {
        Some(_) if bug == Some(Bug::SentKept) && !plan.again => {
            let range = pending(plan, bug).range;
            pinned.with_sent(range, plan.first_sent(bug))
        }
        _ => Ok(pinned),
    }
}

impl Known {
    fn versioned(self, library: &Library) -> Versioned {
        Versioned {
            ledger: library.ledger(self.ledger).clone(),
            etag: self.etag.map(|etag| etag.0.to_string()),
        }
    }

    pub(super) fn of(versioned: &Versioned, library: &Library) -> Self {
        Self {
            ledger: library.number(&versioned.ledger),
            etag: Library::version(versioned.etag.as_deref()),
        }
    }
}

impl Delivery {
    /// A ledger with a nonce that differs from all others that are known. The value does not
    /// matter, so the first free one is used.
    pub(super) fn with_unused_nonce(&self, state: &State, with: impl Fn(String) -> Ledger) -> Doc {
        let live = state.live();
        let docs = (0..).map(|nonce: u8| self.library.number(&with(nonce.to_string())));
        docs.into_iter().find(|doc| !live.contains(doc)).unwrap()
    }
}

impl State {
    /// All ledgers that the store or a host knows, or that are in flight.
    fn live(&self) -> Vec<Doc> {
        let mut live: Vec<_> = self.ledgers.iter().flatten().copied().collect();
        for host in &self.hosts {
            match host.at {
                At::Idle(known) => live.extend(known.iter().flat_map(|known| known.docs())),
                At::Found { seen, .. } => live.extend(seen),
                At::Work(work) => {
                    live.extend(work.known.docs());
                    live.extend(work.write.iter().flat_map(|write| write.docs()));
                }
            }
        }
        for late in &self.late {
            if let Late::Write { write, .. } = late {
                live.extend(write.docs());
            }
        }
        live
    }
}

impl Known {
    fn docs(self) -> impl Iterator<Item = Doc> {
        [Some(self.ledger), self.etag].into_iter().flatten()
    }
}

impl Write {
    fn docs(self) -> impl Iterator<Item = Doc> {
        [Some(self.next), self.seen].into_iter().flatten()
    }
}

impl Steps<'_> {
    /// A worker writes that it owns the shard, over the ledger that it found.
    pub(super) fn take(&mut self, host: usize, shard: u8, seen: Option<Doc>) {
        let (library, name) = (&self.model.library, self.name(host));
        let found = library.read(shard, seen);
        let swap = |nonce| {
            Swap::new(
                found.ledger.assign_to(&name.to_string()),
                found.etag.clone(),
                nonce,
            )
        };
        let next = self
            .model
            .with_unused_nonce(self.from, |nonce| swap(nonce).next);
        let known = Known {
            ledger: next,
            etag: seen,
        };
        self.send(host, Work::on(shard, known), Move::Take, next, FREE);
    }

    /// An owner takes a step of its ledger.
    pub(super) fn write(&mut self, host: usize, work: Work, what: Move, cost: u8) {
        let (model, name) = (self.model, self.name(host));
        let lease = Lease::new(&name.to_string(), work.known.versioned(&model.library));
        let take = |ledger: &Ledger| step(ledger, what, work.plan.as_ref(), model.bug);
        match lease.swap(take, String::new()) {
            Ok(swap) => {
                let with = |nonce| Swap::new(swap.next.clone(), swap.seen.clone(), nonce).next;
                let next = model.with_unused_nonce(self.from, with);
                self.send(host, work, what, next, cost);
            }
            Err(error) => self.add(
                format_args!("{name} may not {what:?}: {error}"),
                FREE,
                |to| {
                    to.hosts[host].at = At::Idle(None);
                    Ok(())
                },
            ),
        }
    }

    fn send(&mut self, host: usize, work: Work, what: Move, next: Doc, cost: u8) {
        let write = Write {
            what,
            next,
            seen: work.known.etag,
            rejected: false,
        };
        self.attempt(host, work, write, cost);
    }

    /// A write without a response is sent again. After a rejection, the host reads the ledger.
    pub(super) fn go_on_writing(&mut self, host: usize, work: Work, write: Write) {
        if write.rejected {
            self.resolve(host, work, write);
        } else {
            self.attempt(host, work, write, FREE);
        }
    }

    /// Sends a write. It succeeds, succeeds without a response, arrives later or never, or is
    /// rejected.
    fn attempt(&mut self, host: usize, work: Work, write: Write, cost: u8) {
        let (model, name) = (self.model, self.name(host));
        let shard = usize::from(work.shard);
        let what = write.what;
        let waits = Work {
            write: Some(write),
            ..work
        };
        if self.from.ledgers[shard] != write.seen && !model.overwrites(write.what) {
            self.add(format_args!("{name}: {what:?} is rejected"), cost, |to| {
                let write = Some(Write {
                    rejected: true,
                    ..write
                });
                to.hosts[host].at = At::Work(Work { write, ..waits });
                Ok(())
            });
            return;
        }
        self.add(format_args!("{name}: {what:?}"), cost, |to| {
            model.write_ledger(to, work.shard, write.next, name)?;
            let etag = Some(write.next.0.to_string());
            let ledger = model.library.ledger(write.next).clone();
            let known = Swap {
                next: ledger,
                seen: None,
            }
            .done(etag);
            model.done(to, host, work, write.what, &known);
            Ok(())
        });
        self.add(
            format_args!("{name}: {what:?}, its answer is lost"),
            cost + FAULT,
            |to| {
                model.write_ledger(to, work.shard, write.next, name)?;
                to.hosts[host].at = At::Work(waits);
                Ok(())
            },
        );
        self.add(
            format_args!("{name}: {what:?} is held up on its way"),
            cost + FAULT,
            |to| {
                to.hosts[host].at = At::Work(waits);
                to.late.push(Late::Write {
                    shard: work.shard,
                    by: name,
                    write,
                });
                Ok(())
            },
        );
    }

    /// Reads the ledger back after a rejected write.
    fn resolve(&mut self, host: usize, work: Work, write: Write) {
        let (model, name) = (self.model, self.name(host));
        let library = &model.library;
        let found = library.read(work.shard, self.from.ledgers[usize::from(work.shard)]);
        let swap = Swap {
            next: library.ledger(write.next).clone(),
            seen: write.seen.map(|seen| seen.0.to_string()),
        };
        let mut lease = Lease::new(&name.to_string(), work.known.versioned(library));
        let resolved = match write.what {
            Move::Take => swap.resolve(found.clone()).map(|known| {
                lease = Lease::new(&name.to_string(), known);
                Resolved::Done
            }),
            _ => lease.resolve_conflict(&swap, found.clone()),
        };
        let read = match &resolved {
            Ok(Resolved::Done) => "finds its write done".to_owned(),
            Ok(Resolved::Retry) => "finds a note and writes again".to_owned(),
            Err(conflict) => format!(
                "was fenced out by {}",
                conflict.owner().unwrap_or("a worker that left")
            ),
        };
        self.add(format_args!("{name} {read}"), FREE, |to| {
            match resolved {
                Ok(Resolved::Done) => model.done(to, host, work, write.what, lease.known()),
                Ok(Resolved::Retry) => {
                    model.retry(to, host, work, lease.known());
                }
                Err(_) if model.has(Bug::NoFenceCheck) => {
                    model.retry(to, host, work, &found);
                }
                Err(_) => to.hosts[host].at = At::Idle(None),
            }
            Ok(())
        });
    }
}

impl Delivery {
    /// Whether the host writes without a condition.
    fn overwrites(&self, what: Move) -> bool {
        match what {
            Move::Take => self.has(Bug::TakeWithoutCondition),
            Move::Commit => self.has(Bug::CommitWithoutCondition),
            _ => false,
        }
    }

    fn retry(&self, to: &mut State, host: usize, work: Work, known: &Versioned) {
        let known = Known::of(known, &self.library);
        to.hosts[host].at = At::Work(Work {
            known,
            write: None,
            ..work
        });
    }

    /// A write has succeeded, and its host knows.
    fn done(&self, to: &mut State, host: usize, work: Work, what: Move, known: &Versioned) {
        let ledger = &known.ledger;
        let mut work = Work {
            known: Known::of(known, &self.library),
            write: None,
            ..work
        };
        match what {
            Move::Take => {
                work.plan = self.begun(ledger, to);
                work.unread = self.behind(work.shard, ledger);
            }
            Move::Renew | Move::Note => {}
            Move::Pin | Move::Commit => work.advance(self),
            Move::Finish | Move::GiveBack => {
                let keeps = (self.mode == Mode::Functions).then_some(work.known);
                to.hosts[host].at = At::Idle(keeps);
                return;
            }
        }
        to.hosts[host].at = At::Work(work);
    }
}
