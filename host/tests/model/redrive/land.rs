//! The steps of a chunk of a redrive, in the order of `land` in `host/src/pipeline/mod.rs`, and the end of a redrive.

use super::RedriveModel;
use super::bugs::Bug;
use super::read::rules_of;
use super::state::{Claim, Move, Plan, Process, Work};
use super::steps::{FREE, Steps};
use crate::model::state::Records;

/// A step of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Pin,
    /// Only with a fault: the objects of the chunk are claimed.
    Claim,
    Put,
    Manifest,
    Commit,
}

impl RedriveModel {
    fn order(&self) -> &'static [Stage] {
        match self.bug {
            Some(Bug::PinBeforeClaim) => &[
                Stage::Pin,
                Stage::Claim,
                Stage::Put,
                Stage::Manifest,
                Stage::Commit,
            ],
            Some(Bug::CommitBeforeManifest) => {
                &[Stage::Pin, Stage::Put, Stage::Commit, Stage::Manifest]
            }
            _ => &[Stage::Pin, Stage::Put, Stage::Manifest, Stage::Commit],
        }
    }
}

impl Work {
    /// Moves to the next stage of the chunk.
    pub(super) fn advance(&mut self, model: &RedriveModel) {
        let Some(plan) = &mut self.plan else {
            return;
        };
        plan.stage += 1;
        if usize::from(plan.stage) == model.order().len() {
            self.plan = None;
        }
    }

    /// What of the buffer can be one chunk: it ends before an object that was left out because it could not be read.
    /// Otherwise, a claim that arrives late could change what a repetition of the range reads.
    fn until_gap(&self, model: &RedriveModel) -> Records {
        let behind = |ordinal: &u64| *ordinal > self.buffer.first();
        let gap = self.unread.iter().find(behind);
        let bugs = [Bug::RangeAcrossUnreadable, Bug::RepeatClaimsAnew];
        let may_continue = bugs.into_iter().any(|bug| model.has(bug));
        match gap.filter(|_| !may_continue) {
            Some(gap) => self.buffer.within(Records::before(gap)),
            None => self.buffer,
        }
    }
}

impl Steps<'_> {
    /// Lands what was read, and finishes the redrive at the end of its list.
    pub(super) fn land(&mut self, host: usize, work: Work) {
        if let Some(write) = work.write {
            self.attempt(host, work, write);
        }
        match work.plan {
            Some(plan) => self.chunk(host, work, plan),
            None if work.write.is_some() => {}
            None => {
                let ledger = self.model.library.ledgers.ledger(work.known).clone();
                let is_repeated = ledger.pending().is_none();
                let is_read = is_repeated && self.model.next_object(self.from, &work).is_none();
                let has_landed = work.buffer.is_empty() || self.model.has(Bug::FinishedWhenRead);
                if is_repeated {
                    self.build(host, work);
                }
                if is_read && has_landed {
                    self.write(host, work, Move::Finish);
                }
            }
        }
    }

    /// Makes a chunk of any number of the records that were read.
    fn build(&mut self, host: usize, work: Work) {
        let (model, name) = (self.model, self.name(host));
        let buffer = work.until_gap(model);
        for count in 1..=buffer.count().min(model.chunk_max) {
            let taken = buffer.iter().take(usize::try_from(count).unwrap());
            let ordinals = taken.map(Records::one).fold(Records(0), Records::and);
            let lines = model.read_lines(self.from, &work, ordinals, work.damaged);
            let what = format_args!("{name} makes a chunk of {ordinals}");
            self.add(what, FREE, |to| {
                let work = to.work(host);
                work.buffer = work.buffer.without(ordinals);
                work.damaged = work.damaged.without(ordinals);
                work.unread = work.unread.without(Records::before(ordinals.last()));
                work.plan = Some(Plan {
                    ordinals,
                    lines,
                    release: rules_of(name),
                    again: false,
                    stage: 0,
                    put: 0,
                });
                Ok(())
            });
        }
    }

    fn chunk(&mut self, host: usize, work: Work, plan: Plan) {
        match self.model.order()[usize::from(plan.stage)] {
            Stage::Pin | Stage::Commit if work.write.is_some() => {}
            // With this fault, a repetition does not compare its rules with those that are pinned.
            Stage::Pin if plan.again && self.model.has(Bug::RulesChosenAgain) => {
                self.advance(host, "takes the chunk as pinned");
            }
            Stage::Pin => self.write(host, work, Move::Pin),
            Stage::Claim => self.claim_late(host, work, plan),
            Stage::Put => self.put(host, work, plan),
            Stage::Manifest => self.put_manifest(host, work, plan),
            Stage::Commit => self.write(host, work, Move::Commit),
        }
    }

    fn advance(&mut self, host: usize, what: &str) {
        let (model, name) = (self.model, self.name(host));
        self.add(format_args!("{name} {what}"), FREE, |to| {
            to.work(host).advance(model);
            Ok(())
        });
    }

    /// Claims the objects of a chunk that is pinned.
    fn claim_late(&mut self, host: usize, work: Work, plan: Plan) {
        let (model, name) = (self.model, self.name(host));
        let lines = model.library.lines(plan.lines);
        self.add(
            format_args!("{name} claims what it has pinned"),
            FREE,
            |to| {
                for line in lines.iter().filter(|_| !plan.again) {
                    to.put_claim(Claim {
                        source: line.source,
                        redrive: work.redrive,
                        by: Process::default(),
                    });
                }
                to.work(host).advance(model);
                Ok(())
            },
        );
    }

    /// Puts the objects, one after the other. (That puts can be delayed, the model of delivery has.)
    fn put(&mut self, host: usize, work: Work, plan: Plan) {
        let (model, name) = (self.model, self.name(host));
        let outcomes = model.library.outcomes(work.redrive, &plan);
        let Some(outcome) = outcomes.get(usize::from(plan.put)).copied() else {
            return;
        };
        let is_last = usize::from(plan.put) + 1 == outcomes.len();
        let ordinals = plan.ordinals;
        let what = format_args!("{name} puts object {} of {ordinals}", plan.put);
        self.add(what, FREE, |to| {
            model.put_outcome(to, outcome)?;
            let work = to.work(host);
            if let Some(plan) = &mut work.plan {
                plan.put += 1;
            }
            if is_last {
                work.advance(model);
            }
            Ok(())
        });
    }

    fn put_manifest(&mut self, host: usize, work: Work, plan: Plan) {
        let (model, name) = (self.model, self.name(host));
        let manifest = model.library.number_manifest(work.redrive, &plan);
        let what = format_args!("{name} puts the manifest of {}", plan.ordinals);
        self.add(what, FREE, |to| {
            model.put_manifest(to, manifest)?;
            to.work(host).advance(model);
            Ok(())
        });
    }
}
