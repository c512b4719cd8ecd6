//! The steps of a chunk, in the order of the pipeline: `land` in `host/src/pipeline/mod.rs`.

use super::bugs::Bug;
use super::state::{Late, Move, Obj, Plan, Records, Work};
use super::steps::{FAULT, FREE, Steps};
use super::{Changes, Delivery};

/// A step of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its release is stored in the lake.
    Keep,
    /// Its schema is stored in the lake, if its objects have columns.
    Schema,
    Pin,
    Put,
    /// Its records are put into its archive, if it has one. The program does this while it puts the objects. No promise
    /// depends on which of them comes first.
    Archive,
    Send,
    Manifest,
    Commit,
}

use Stage::{Archive, Commit, Keep, Manifest, Pin, Put, Schema, Send};

impl Delivery {
    fn order(&self) -> &'static [Stage] {
        if self.changes == Changes::Schema {
            return match self.bug {
                Some(Bug::PinBeforeSchema) => &[Keep, Pin, Schema, Put, Send, Manifest, Commit],
                _ => &[Keep, Schema, Pin, Put, Send, Manifest, Commit],
            };
        }
        if self.changes == Changes::Archive {
            return match self.bug {
                Some(Bug::ManifestBeforeArchive) => {
                    &[Keep, Pin, Put, Send, Manifest, Archive, Commit]
                }
                _ => &[Keep, Pin, Put, Archive, Send, Manifest, Commit],
            };
        }
        match self.bug {
            Some(Bug::CommitBeforePut) => &[Keep, Pin, Commit, Put, Send, Manifest],
            Some(Bug::CommitBeforeSend) => &[Keep, Pin, Put, Commit, Send, Manifest],
            Some(Bug::CommitBeforeManifest) => &[Keep, Pin, Put, Send, Commit, Manifest],
            Some(Bug::SendBeforePut) => &[Keep, Pin, Send, Put, Manifest, Commit],
            Some(Bug::ManifestBeforePut) => &[Keep, Pin, Manifest, Put, Send, Commit],
            Some(Bug::PutBeforePin) => &[Keep, Put, Pin, Send, Manifest, Commit],
            Some(Bug::PinBeforeKeep) => &[Pin, Keep, Put, Send, Manifest, Commit],
            _ => &[Keep, Pin, Put, Send, Manifest, Commit],
        }
    }

    fn does_not_pin_again(&self) -> bool {
        self.has(Bug::ReplayNotPinned)
            || self.has(Bug::DecodedAgainNotPinned)
            || self.has(Bug::SchemaChosenAgainNotPinned)
            || self.has(Bug::ArchiveChosenAgainNotPinned)
            || self.has(Bug::TimedOutRetried)
    }
}

/// A chunk that no host has started.
pub(super) fn new_plan(
    records: Records,
    release: u8,
    decoding: u8,
    schema: Option<u8>,
    archive: Option<u8>,
) -> Plan {
    Plan {
        records,
        release,
        decoding,
        schema,
        archive,
        bus: 0,
        packing: 0,
        acknowledged: Records(0),
        timed_out: Records(0),
        again: false,
        stage: 0,
        put: 0,
    }
}

impl Plan {
    /// The records of the chunk, after they are decoded.
    pub(super) fn decoded(&self, bug: Option<Bug>) -> Records {
        let all = self.records.decoded(self.decoding);
        match bug {
            Some(Bug::RecordDivided) if all != self.records => {
                all.without(Records::one(all.last()))
            }
            _ => all,
        }
    }

    /// The records of its messages, in the order of the messages.
    pub(super) fn messages(&self, bug: Option<Bug>) -> Records {
        self.decoded(bug).without(self.timed_out)
    }
}

impl Work {
    /// Moves to the next stage.
    pub(super) fn advance(&mut self, model: &Delivery) {
        let Some(plan) = &mut self.plan else {
            return;
        };
        plan.stage += 1;
        if usize::from(plan.stage) == model.order().len() {
            self.unread = self.unread.without(plan.records);
            self.plan = None;
        }
    }
}

impl Steps<'_> {
    pub(super) fn chunk(&mut self, host: usize, work: Work, plan: Plan) {
        if plan.stage == 0 && plan.put == 0 && work.write.is_none() {
            self.run_out_of_time(host, plan);
        }
        match self.model.order()[usize::from(plan.stage)] {
            Keep => self.keep(host, plan),
            Schema => self.keep_schema(host, plan),
            Put => self.put(host, work, plan),
            Archive => self.put_into_archive(host, work, plan),
            Send if self.model.changes.sends_each() => self.send_each(host, work, plan),
            Send => self.send_all(host, plan),
            Manifest => self.put_chunk_manifest(host, work, plan),
            // A host writes the ledger one step at a time, and a renewal may be in flight.
            Pin | Commit if work.write.is_some() => {}
            Pin if plan.again && self.model.does_not_pin_again() => {
                self.advance(host, "takes the chunk as pinned");
            }
            Pin => self.write(host, work, Move::Pin, FREE),
            Commit => self.write(host, work, Move::Commit, FREE),
        }
    }

    /// A record takes too long because the machine is slow.
    fn run_out_of_time(&mut self, host: usize, plan: Plan) {
        let name = self.name(host);
        let decoded = plan.decoded(self.model.bug);
        for record in decoded.without(plan.timed_out).iter().map(Records::one) {
            self.add(
                format_args!("{name}: record {record} runs out of time"),
                FAULT,
                |to| {
                    if let Some(plan) = &mut to.work(host).plan {
                        plan.timed_out = plan.timed_out.and(record);
                    }
                    Ok(())
                },
            );
        }
    }

    fn advance(&mut self, host: usize, what: &str) {
        let (model, name) = (self.model, self.name(host));
        self.add(format_args!("{name} {what}"), FREE, |to| {
            to.work(host).advance(model);
            Ok(())
        });
    }

    fn keep(&mut self, host: usize, plan: Plan) {
        let (model, name) = (self.model, self.name(host));
        self.add(format_args!("{name} keeps the release"), FREE, |to| {
            to.kept |= 1 << plan.release;
            to.work(host).advance(model);
            Ok(())
        });
    }

    /// Puts the objects in any order. A put can be delayed, and is then sent again.
    fn put(&mut self, host: usize, work: Work, plan: Plan) {
        let (model, name) = (self.model, self.name(host));
        let objects: Vec<Obj> = model.library.objects(work.shard, &plan, model.bug);
        let all = (1 << objects.len()) - 1;
        for (n, object) in objects.into_iter().enumerate() {
            if plan.put & (1 << n) != 0 {
                continue;
            }
            let records = plan.records;
            self.add(
                format_args!("{name} puts object {n} of {records}"),
                FREE,
                |to| {
                    model.put_object(to, object)?;
                    let work = to.work(host);
                    let plan = work.plan.as_mut();
                    let put = plan.map_or(0, |plan| {
                        plan.put |= 1 << n;
                        plan.put
                    });
                    if put == all {
                        work.advance(model);
                    }
                    Ok(())
                },
            );
            self.add(
                format_args!("{name} puts object {n} of {records}, which is held up"),
                FAULT,
                |to| {
                    to.late.push(Late::Put(object));
                    Ok(())
                },
            );
        }
    }

    fn send_all(&mut self, host: usize, plan: Plan) {
        let (model, name) = (self.model, self.name(host));
        self.add(
            format_args!("{name} sends the messages of {}", plan.records),
            FREE,
            |to| {
                model.send(to, plan.bus, plan.messages(model.bug))?;
                to.work(host).advance(model);
                Ok(())
            },
        );
    }
}
