//! The possible steps in a state: of the world, and of each host.

use std::fmt;

use super::bugs::Bug;
use super::chunk::new_plan;
use super::promises::Broken;
use super::search::Step;
use super::state::{At, Late, Move, Plan, Process, Records, State, Work};
use super::{Changes, Delivery, Mode};

/// The cost of a step: no accident, or one.
pub(super) const FREE: u8 = 0;
pub(super) const FAULT: u8 = 1;

/// The steps from a state.
pub(super) struct Steps<'m> {
    pub(super) model: &'m Delivery,
    pub(super) from: &'m State,
    /// Whether steps get names.
    pub(super) called: bool,
    pub(super) found: Vec<Step<State, Broken>>,
}

impl Steps<'_> {
    /// Adds a possible step that costs this many accidents.
    pub(super) fn add(
        &mut self,
        label: fmt::Arguments<'_>,
        cost: u8,
        change: impl FnOnce(&mut State) -> Result<(), Broken>,
    ) {
        let Some(faults) = self.from.faults.checked_sub(cost) else {
            return;
        };
        let mut to = self.from.clone();
        to.faults = faults;
        let to = change(&mut to).map(|()| {
            to.forget_what_comes_too_late();
            to
        });
        self.found.push(Step {
            label: if self.called {
                label.to_string()
            } else {
                String::new()
            },
            is_fault: cost > 0,
            to,
        });
    }

    /// The steps of the world.
    pub(super) fn world(&mut self) {
        match self.model.changes {
            Changes::Release if self.from.active == 0 => {
                self.add(format_args!("another release is activated"), FAULT, |to| {
                    to.active = 1;
                    Ok(())
                });
            }
            Changes::Decoding if self.from.decoding == 0 => {
                self.add(format_args!("the decoding is changed"), FAULT, |to| {
                    to.decoding = 1;
                    Ok(())
                });
            }
            Changes::Schema if self.from.schema == 0 => {
                self.add(format_args!("the schema is changed"), FAULT, |to| {
                    to.schema = 1;
                    Ok(())
                });
            }
            Changes::Bus if self.from.bus == 0 => {
                self.add(format_args!("the bus is changed"), FAULT, |to| {
                    to.bus = 1;
                    Ok(())
                });
            }
            Changes::Packing if self.from.packing == 0 => {
                let what = format_args!("the program makes other messages");
                self.add(what, FAULT, |to| {
                    to.packing = 1;
                    Ok(())
                });
            }
            Changes::Archive if self.from.archive == 0 => {
                self.add(format_args!("the archive is changed"), FAULT, |to| {
                    to.archive = 1;
                    Ok(())
                });
            }
            _ => {}
        }
        for (n, late) in self.from.late.iter().enumerate() {
            self.arrive(n, *late);
        }
        match self.model.mode {
            Mode::Workers => self.request(),
            Mode::Functions => self.give_up_on_records(),
        }
    }

    /// A request arrives after its host has given it up.
    fn arrive(&mut self, n: usize, late: Late) {
        let model = self.model;
        match late {
            Late::Write { shard, by, write } => {
                self.add(
                    format_args!("a late {:?} arrives", write.what),
                    FREE,
                    |to| {
                        to.late.remove(n);
                        model.write_ledger(to, shard, write.next, by)
                    },
                );
            }
            Late::Put(object) => self.add(format_args!("a late put arrives"), FREE, |to| {
                to.late.remove(n);
                model.put_object(to, object)
            }),
            Late::Archived(archived) => {
                self.add(
                    format_args!("a late put into the archive arrives"),
                    FREE,
                    |to| {
                        to.late.remove(n);
                        model.put_archived(to, archived)
                    },
                );
            }
            Late::Manifest(manifest) => {
                self.add(format_args!("a late manifest arrives"), FREE, |to| {
                    to.late.remove(n);
                    model.put_manifest(to, manifest)
                });
            }
        }
    }

    /// Another process requests a shard that is owned.
    fn request(&mut self) {
        for shard in 0..self.model.shards.len() {
            let Some(doc) = self.from.ledgers[shard] else {
                continue;
            };
            let ledger = self.model.library.ledger(doc).clone();
            let asked = ledger
                .lease()
                .is_none_or(|lease| lease.requested_by.is_some());
            if asked || ledger.owner().is_none() || ledger.is_finished() {
                continue;
            }
            let request = |nonce| ledger.request_for("c").with_nonce(nonce);
            let next = self.model.with_unused_nonce(self.from, request);
            self.add(
                format_args!("another process requests shard {shard}"),
                FAULT,
                |to| {
                    to.ledgers[shard] = Some(next);
                    Ok(())
                },
            );
        }
    }

    /// The mapping discards the next record, once the ledger has the start of the shard. (Before,
    /// it is unknown whether the record had to be read.) It never discards the last record, because
    /// only a later batch shows that records are missing.
    fn give_up_on_records(&mut self) {
        let ledger = self.model.library.read(0, self.from.ledgers[0]).ledger;
        let begun = ledger.pending().is_some() || ledger.committed().is_some();
        let open = self.model.shard(0).without(self.from.acknowledged);
        if begun && open.count() > 1 {
            let record = Records::one(open.first());
            self.add(
                format_args!("the mapping gives up on {record}"),
                FAULT,
                |to| {
                    to.discarded = to.discarded.and(record);
                    to.acknowledged = to.acknowledged.and(record);
                    Ok(())
                },
            );
        }
    }

    /// The steps of a host, and the accidents that it can have.
    pub(super) fn host(&mut self, host: usize) {
        let at = self.from.hosts[host].at;
        let name = self.name(host);
        match at {
            At::Idle(known) => match self.model.mode {
                Mode::Workers => self.poll(host),
                Mode::Functions => self.invoke(host, known),
            },
            At::Found { shard, seen } => self.take(host, shard, seen),
            At::Work(work) => self.work(host, work),
        }
        if at != At::Idle(None) {
            self.add(format_args!("{name} is killed"), FAULT, |to| {
                to.hosts[host].life += 1;
                to.hosts[host].at = At::Idle(None);
                Ok(())
            });
        }
        if matches!(at, At::Work(_)) {
            self.add(format_args!("{name} gives up"), FAULT, |to| {
                to.hosts[host].at = At::Idle(None);
                Ok(())
            });
        }
    }

    fn work(&mut self, host: usize, work: Work) {
        if let Some(write) = work.write {
            self.go_on_writing(host, work, write);
        }
        match work.plan {
            Some(plan) => self.chunk(host, work, plan),
            None if work.write.is_some() => {}
            None => match self.model.mode {
                Mode::Workers => self.read_on_or_leave(host, work),
                Mode::Functions => self.read_on_or_answer(host, work),
            },
        }
        let renews = self.model.mode == Mode::Workers && work.write.is_none();
        if renews {
            self.write(host, work, Move::Renew, FAULT);
        }
    }

    /// Reads and transforms the next chunk: any possible number of records of the source, by settings that are set or were
    /// a moment ago.
    pub(super) fn build(&mut self, host: usize, work: Work) {
        let name = self.name(host);
        for count in 1..=work.unread.count().min(self.model.chunk_max) {
            let taken = work.unread.iter().take(usize::try_from(count).unwrap());
            let records = taken.map(Records::one).fold(Records(0), Records::and);
            // Only one of them changes.
            let State {
                active,
                decoding,
                schema,
                archive,
                bus,
                packing,
                ..
            } = *self.from;
            let settings = [active, decoding, schema, archive, bus, packing];
            for setting in 0..=settings.into_iter().max().unwrap_or(0) {
                let (release, decoding) = (setting.min(active), setting.min(decoding));
                let (bus, packing) = (setting.min(bus), setting.min(packing));
                let has_columns = self.model.changes == Changes::Schema;
                let schema = has_columns.then_some(setting.min(schema));
                let has_archive = self.model.changes == Changes::Archive;
                let archive = has_archive.then_some(setting.min(archive));
                let what = format_args!(
                    "{name} makes a chunk of {records} by release {release}, decoding {decoding}, schema \
                     {schema:?}, archive {archive:?}, bus {bus} and packing {packing}"
                );
                self.add(what, FREE, |to| {
                    let plan = new_plan(records, release, decoding, schema, archive);
                    to.work(host).plan = Some(Plan {
                        bus,
                        packing,
                        ..plan
                    });
                    Ok(())
                });
            }
        }
    }

    /// The current name of the host.
    pub(super) fn name(&self, host: usize) -> Process {
        let life = self.from.hosts[host].life;
        Process { host, life }
    }
}

impl State {
    /// The work of a host on its shard.
    pub(super) fn work(&mut self, host: usize) -> &mut Work {
        match &mut self.hosts[host].at {
            At::Work(work) => work,
            other => unreachable!("{other:?} is no work"),
        }
    }

    /// A write that requires an old version will never succeed.
    fn forget_what_comes_too_late(&mut self) {
        let ledgers = self.ledgers;
        self.late.retain(|late| match late {
            Late::Write { shard, write, .. } => write.seen == ledgers[usize::from(*shard)],
            Late::Put(_) | Late::Manifest(_) | Late::Archived(_) => true,
        });
        self.late.sort_unstable();
        self.late.dedup();
    }
}

impl Delivery {
    pub(super) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }
}
