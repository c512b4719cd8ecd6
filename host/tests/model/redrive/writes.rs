//! Writes of ledgers. The program's own code decides what is written and what a response means. The model adds the
//! store and the network.

use sluice::ledger::lease::{Lease, Resolved, Swap, Versioned};
use sluice::ledger::{Ledger, LedgerError};
use sluice_engine::digest::Digest;

use super::RedriveModel;
use super::bugs::Bug;
use super::library::{next_ordinal, pending};
use super::state::{At, Late, List, Move, Plan, State, Work, Write};
use super::steps::{FAULT, FREE, Steps};
use crate::model::library::Library as Ledgers;
use crate::model::state::Doc;

/// Takes a step of a ledger.
fn step(ledger: &Ledger, what: Move, plan: Option<&Plan>) -> Result<Ledger, LedgerError> {
    match (what, plan) {
        (Move::Pin, Some(plan)) => ledger.pin(pending(plan)),
        (Move::Commit, Some(plan)) => ledger.commit(pending(plan).range, Digest::of(&[0])),
        (Move::Finish, _) => Ok(ledger.finish()?.give_back()),
        _ => Ok(ledger.clone()),
    }
}

impl RedriveModel {
    /// A ledger with a nonce that differs from all others that are known. The value does not matter, so the first free
    /// one is used.
    fn with_unused_nonce(&self, state: &State, with: impl Fn(String) -> Ledger) -> Doc {
        let live = state.live();
        let docs = (0..).map(|nonce: u8| self.library.ledgers.number(&with(nonce.to_string())));
        docs.into_iter().find(|doc| !live.contains(doc)).unwrap()
    }

    /// A write has succeeded, and its process knows.
    fn done(&self, to: &mut State, host: usize, work: Work, what: Move, known: &Versioned) {
        let mut work = Work {
            known: self.library.ledgers.number(&known.ledger),
            etag: Ledgers::version(known.etag.as_deref()),
            write: None,
            ..work
        };
        match what {
            Move::Take => work.next = next_ordinal(&known.ledger),
            Move::Pin | Move::Commit => work.advance(self),
            Move::Finish => {
                to.hosts[host].at = At::Idle;
                return;
            }
        }
        to.hosts[host].at = At::Work(work);
    }
}

impl State {
    /// All ledgers that the store or a process knows, or that are in flight.
    fn live(&self) -> Vec<Doc> {
        let docs = |write: &Write| [Some(write.next), write.seen].into_iter().flatten();
        let mut live: Vec<_> = self.ledgers.iter().flatten().copied().collect();
        for host in &self.hosts {
            match host.at {
                At::Idle | At::Listed { .. } => {}
                At::Found { seen, .. } => live.extend(seen),
                At::Work(work) => {
                    live.extend([Some(work.known), work.etag].into_iter().flatten());
                    live.extend(work.write.iter().flat_map(docs));
                }
            }
        }
        for late in &self.late {
            if let Late::Write { write, .. } = late {
                live.extend(docs(write));
            }
        }
        live
    }
}

impl Steps<'_> {
    /// A process writes that it owns the redrive, over the ledger that it found.
    pub(super) fn take(&mut self, host: usize, redrive: u8, list: List, seen: Option<Doc>) {
        let name = self.name(host).to_string();
        let found = self.model.library.read(redrive, seen);
        let swap = |nonce| Swap::new(found.ledger.assign_to(&name), found.etag.clone(), nonce);
        let next = self
            .model
            .with_unused_nonce(self.from, |nonce| swap(nonce).next);
        let work = Work::on(redrive, list, next, seen);
        self.send(host, work, Move::Take, next);
    }

    /// An owner takes a step of its ledger.
    pub(super) fn write(&mut self, host: usize, work: Work, what: Move) {
        let (model, name) = (self.model, self.name(host));
        let lease = Lease::new(&name.to_string(), versioned(model, &work));
        let step = |ledger: &Ledger| step(ledger, what, work.plan.as_ref());
        match lease.swap(step, String::new()) {
            Ok(swap) => {
                let with = |nonce| Swap::new(swap.next.clone(), swap.seen.clone(), nonce).next;
                let next = model.with_unused_nonce(self.from, with);
                self.send(host, work, what, next);
            }
            Err(error) => {
                let what = format_args!("{name} may not {what:?}: {error}");
                self.add(what, FREE, |to| {
                    to.hosts[host].at = At::Idle;
                    Ok(())
                });
            }
        }
    }

    fn send(&mut self, host: usize, work: Work, what: Move, next: Doc) {
        let write = Write {
            what,
            next,
            seen: work.etag,
            lines: work
                .plan
                .filter(|_| what == Move::Pin)
                .map(|plan| plan.lines),
        };
        self.attempt(host, work, write);
    }

    /// Sends a write, again if it has no answer. It succeeds, succeeds without a response, arrives later or never, or is
    /// rejected, and then the process reads the ledger.
    pub(super) fn attempt(&mut self, host: usize, work: Work, write: Write) {
        let (model, name) = (self.model, self.name(host));
        let (redrive, what) = (work.redrive, write.what);
        if self.from.ledgers[usize::from(redrive)] != write.seen {
            self.resolve(host, work, write);
            return;
        }
        let waits = Work {
            write: Some(write),
            ..work
        };
        self.add(format_args!("{name}: {what:?}"), FREE, |to| {
            model.write_ledger(to, redrive, write, name)?;
            let known = Versioned {
                ledger: model.library.ledgers.ledger(write.next).clone(),
                etag: Some(write.next.0.to_string()),
            };
            model.done(to, host, work, what, &known);
            Ok(())
        });
        let label = format_args!("{name}: {what:?}, its answer is lost");
        self.add(label, FAULT, |to| {
            model.write_ledger(to, redrive, write, name)?;
            to.hosts[host].at = At::Work(waits);
            Ok(())
        });
        let label = format_args!("{name}: {what:?} is held up on its way");
        self.add(label, FAULT, |to| {
            to.hosts[host].at = At::Work(waits);
            to.late.push(Late::Write {
                redrive,
                by: name,
                write,
            });
            Ok(())
        });
    }

    /// Reads the ledger back after a rejected write.
    fn resolve(&mut self, host: usize, work: Work, write: Write) {
        let (model, name) = (self.model, self.name(host));
        let stored = self.from.ledgers[usize::from(work.redrive)];
        let found = model.library.read(work.redrive, stored);
        let swap = Swap {
            next: model.library.ledgers.ledger(write.next).clone(),
            seen: write.seen.map(|seen| seen.0.to_string()),
        };
        let mut lease = Lease::new(&name.to_string(), versioned(model, &work));
        let resolved = match write.what {
            Move::Take => swap.resolve(found.clone()).map(|known| {
                lease = Lease::new(&name.to_string(), known);
                Resolved::Done
            }),
            _ => lease.resolve_conflict(&swap, found.clone()),
        };
        let what = write.what;
        let read = match &resolved {
            Ok(Resolved::Done) => "finds its write done",
            Ok(Resolved::Retry) => "finds a note and writes again",
            Err(_) => "was fenced out",
        };
        self.add(format_args!("{name}: {what:?}: {read}"), FREE, |to| {
            let known = match resolved {
                Ok(Resolved::Done) => {
                    model.done(to, host, work, what, lease.known());
                    return Ok(());
                }
                Ok(Resolved::Retry) => lease.known().clone(),
                Err(_) if model.has(Bug::NoFenceCheck) => found,
                Err(_) => {
                    to.hosts[host].at = At::Idle;
                    return Ok(());
                }
            };
            to.hosts[host].at = At::Work(Work {
                known: model.library.ledgers.number(&known.ledger),
                etag: Ledgers::version(known.etag.as_deref()),
                write: None,
                ..work
            });
            Ok(())
        });
    }
}

fn versioned(model: &RedriveModel, work: &Work) -> Versioned {
    Versioned {
        ledger: model.library.ledgers.ledger(work.known).clone(),
        etag: work.etag.map(|etag| etag.0.to_string()),
    }
}
