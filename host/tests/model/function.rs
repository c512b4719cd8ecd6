//! What a function does with the batches of its mapping. The program's own code decides what is
//! landed and what the response is.

use sluice::ledger::lease::Lease;
use sluice::modes::lambda::answer::Failure;
use sluice::source::ResumePoint;
use sluice::source::lambda_batch::batch_plan::{BatchPlan, plan_batch};
use sluice_engine::record::SequenceNumber;

use super::bugs::Bug;
use super::library::{number, records};
use super::state::{At, Known, Records, Work};
use super::steps::{FAULT, FREE, Steps};

impl Steps<'_> {
    /// The mapping sends a batch: from the first record that is not done, of any length. It sends
    /// none while another one is in flight, unless it considers that one dead.
    pub(super) fn invoke(&mut self, host: usize, known: Option<Known>) {
        let name = self.name(host);
        let other = matches!(self.from.hosts[1 - host].at, At::Work(_));
        let cost = if other { FAULT } else { FREE };
        let open = self.model.shard(0).without(self.from.acknowledged);
        for last in open.iter() {
            let batch = Records::range(open.first(), last);
            let work = self.begin(host, known, batch);
            self.add(format_args!("{name} is given {batch}"), cost, |to| {
                to.hosts[host].at = At::Work(work);
                Ok(())
            });
        }
    }

    fn begin(&self, host: usize, known: Option<Known>, batch: Records) -> Work {
        let library = &self.model.library;
        let known = known.unwrap_or_else(|| {
            let found = library.read(0, self.from.ledgers[0]);
            Known::of(
                Lease::acquire(&self.name(host).to_string(), found).known(),
                library,
            )
        });
        let ledger = library.ledger(known.ledger).clone();
        let numbers: Vec<_> = batch.iter().map(SequenceNumber::from).collect();
        let begun = self.model.begun(&ledger, self.from);
        let decoding = begun.map_or(0, |plan| plan.decoding);
        let plan = plan_batch(&ResumePoint::of(&ledger), &numbers, |first, last| {
            let between = Records::range(number(first), number(last));
            between.within(batch).decoded(decoding).count()
        });
        Work {
            unread: self.unread(plan, &numbers),
            plan: begun,
            batch,
            ..Work::on(0, known)
        }
    }

    /// The records read from the stream and the rest of the batch, as `BatchSource` in
    /// `host/src/source/lambda_batch.rs` sends them.
    fn unread(&self, plan: BatchPlan, batch: &[SequenceNumber]) -> Records {
        let replay = plan.replay.map_or(Records(0), records);
        let rest = &batch[plan.rest..];
        let gap = match (plan.gap_after, rest.first()) {
            (Some(behind), Some(next)) if !self.model.has(Bug::GapUnnoticed) => {
                Records::range(number(behind) + 1, number(*next))
            }
            _ => Records(0),
        };
        let rest = rest.iter().map(|at| Records::one(number(*at)));
        rest.fold(replay.and(gap), Records::and)
    }

    /// Continues to read, or responds: when everything is read, or at the deadline.
    pub(super) fn read_on_or_answer(&mut self, host: usize, work: Work) {
        if !work.unread.is_empty() {
            self.build(host, work);
        }
        let (model, name) = (self.model, self.name(host));
        let committed = model
            .library
            .ledger(work.known.ledger)
            .committed()
            .map(|done| done.last);
        let batch: Vec<_> = work.batch.iter().map(SequenceNumber::from).collect();
        let left = match Failure::of(&batch, committed) {
            Some(failure) if !model.has(Bug::AcknowledgedEarly) => {
                Records::range(number(failure.first), work.batch.last())
            }
            _ => Records(0),
        };
        let done = work.batch.without(left);
        self.add(
            format_args!("{name} answers that {done} is done"),
            FREE,
            |to| {
                to.hosts[host].at = At::Idle(Some(work.known));
                model.acknowledge(to, done)
            },
        );
    }
}
