//! How a process begins a redrive, and how it checks, claims and reads the objects of its list.

use super::bugs::Bug;
use super::library::{pinned_release, span};
use super::lists::Listed;
use super::state::{At, Claim, Late, List, Move, Plan, Process, Source, State, Work};
use super::steps::{FAULT, FREE, Steps};
use crate::model::state::{Doc, Records};

impl Steps<'_> {
    /// Begins a redrive or goes on with one. If renewals are late, a live owner is considered dead.
    pub(super) fn begin(&mut self, host: usize) {
        let name = self.name(host);
        let rival = self.name(1 - host).to_string();
        for redrive in self.model.redrives() {
            let Some(list) = self.from.documents[usize::from(redrive)] else {
                self.list(host, redrive);
                continue;
            };
            let ledger = self.model.ledger(self.from, redrive);
            if ledger.is_finished() {
                continue;
            }
            let cost = match ledger.owner() == Some(&rival) {
                true => FAULT,
                false => FREE,
            };
            let at = At::Found {
                redrive,
                list,
                seen: self.from.ledgers[usize::from(redrive)],
            };
            self.add(format_args!("{name} finds redrive {redrive}"), cost, |to| {
                to.hosts[host].at = at;
                Ok(())
            });
        }
    }

    fn list(&mut self, host: usize, redrive: u8) {
        let (model, name) = (self.model, self.name(host));
        let objects = model.quarantined_now(self.from);
        if objects.is_empty() {
            return;
        }
        let what = format_args!("{name} lists {objects:?} for redrive {redrive}");
        let list = model.library.number_list(objects.clone());
        self.add(what, FREE, |to| {
            to.hosts[host].at = At::Listed { redrive, list };
            Ok(())
        });
    }

    /// Puts the document, unless there is one. Then that one is read.
    pub(super) fn put_document(&mut self, host: usize, redrive: u8, list: List) {
        let (model, name) = (self.model, self.name(host));
        let put = |to: &mut State| {
            let there = &mut to.documents[usize::from(redrive)];
            match model.has(Bug::DocumentOverwritten) {
                true => *there = Some(list),
                false => *there = Some(there.unwrap_or(list)),
            }
            there.unwrap_or(list)
        };
        let what = format_args!("{name} puts document {redrive}");
        self.add(what, FREE, |to| {
            let there = put(to);
            let list = match model.has(Bug::DocumentNotRead) {
                true => list,
                false => there,
            };
            let seen = to.ledgers[usize::from(redrive)];
            to.hosts[host].at = At::Found {
                redrive,
                list,
                seen,
            };
            Ok(())
        });
        let what = format_args!("{name} puts document {redrive}, the answer is lost");
        self.add(what, FAULT, |to| {
            put(to);
            Ok(())
        });
        let what = format_args!("{name} puts document {redrive}, which is held up");
        self.add(what, FAULT, |to| {
            to.late.push(Late::Document { redrive, list });
            Ok(())
        });
    }

    /// Reads a pending range again, or else the next object.
    pub(super) fn read(&mut self, host: usize, work: Work) {
        if work.write.is_some_and(|write| write.what == Move::Take) {
            return;
        }
        let ledger = self.model.library.ledgers.ledger(work.known).clone();
        if let Some(pending) = ledger.pending().filter(|_| work.plan.is_none()) {
            self.repeat(host, work, span(pending.range), pinned_release(pending));
            return;
        }
        if work.buffer.count() >= self.model.chunk_max {
            return;
        }
        match self.model.next_object(self.from, &work) {
            Some(next) if work.is_checked => self.claim(host, work, next),
            Some(next) => self.check(host, next),
            None => {}
        }
    }

    /// Reads those objects of a pending range again that its redrive has claimed. It waits for those that it cannot read.
    fn repeat(&mut self, host: usize, work: Work, pinned: Records, release: u8) {
        let (model, from, name) = (self.model, self.from, self.name(host));
        let listed = model.listed(from, work.redrive, work.list);
        let within = listed.into_iter().map(|it| Listed {
            ordinals: it.ordinals.within(pinned),
            ..it
        });
        let is_mine = |it: &Listed| {
            let is_free = from.claim(it.source).is_none() && from.is_readable(it.source);
            let is_new = model.has(Bug::RepeatClaimsAnew) && is_free;
            !it.ordinals.is_empty() && (is_new || self.may_read(work.redrive, name, it.source))
        };
        let within: Vec<_> = within.filter(is_mine).collect();
        let ordinals = within
            .iter()
            .fold(Records(0), |all, it| all.and(it.ordinals));
        let are_readable = within.iter().all(|it| from.is_readable(it.source));
        if !are_readable && !model.has(Bug::NoDigestCheck) {
            return;
        }
        let damaged = within
            .iter()
            .filter(|it| !from.is_readable(it.source))
            .fold(Records(0), |all, it| all.and(it.ordinals));
        let lines = model.read_lines(from, &work, ordinals, damaged);
        let release = match model.has(Bug::RulesChosenAgain) {
            true => rules_of(name),
            false => release,
        };
        let what = format_args!("{name} reads the pending range {ordinals} again");
        self.add(what, FREE, |to| {
            for it in &within {
                to.put_claim(self_claim(
                    model.has(Bug::ClaimOfProcess),
                    work.redrive,
                    name,
                    it.source,
                ));
            }
            model.check_repeated(to, &work, lines)?;
            let work = to.work(host);
            work.next = pinned.last() + 1;
            work.plan = Some(Plan {
                ordinals,
                lines,
                release,
                again: true,
                stage: 0,
                put: 0,
            });
            Ok(())
        });
    }

    /// Whether a process takes the claim of an object for that of its redrive.
    fn may_read(&self, redrive: u8, name: Process, source: Source) -> bool {
        match self.from.claim(source) {
            None => false,
            Some(_) if self.model.has(Bug::ClaimIgnored) => true,
            Some(claim) if self.model.has(Bug::ClaimOfProcess) => claim.by == name,
            Some(claim) => claim.redrive == redrive,
        }
    }

    /// Reads the next object and compares it with its digest. If it cannot be read, it is left out, unless the redrive
    /// has claimed it: then the process waits.
    fn check(&mut self, host: usize, next: Listed) {
        let (model, from, name) = (self.model, self.from, self.name(host));
        let At::Work(work) = from.hosts[host].at else {
            return;
        };
        let source = next.source;
        let is_readable = from.is_readable(source);
        if is_readable || model.has(Bug::NoDigestCheck) {
            self.add(
                format_args!("{name} reads object {}", source.0),
                FREE,
                |to| {
                    let work = to.work(host);
                    match is_readable {
                        true => work.damaged = work.damaged.without(next.ordinals),
                        false => work.damaged = work.damaged.and(next.ordinals),
                    }
                    work.is_checked = true;
                    Ok(())
                },
            );
            return;
        }
        let is_claimed = from
            .claim(source)
            .is_some_and(|it| it.redrive == work.redrive);
        if is_claimed && !model.has(Bug::OwnObjectSkipped) {
            return;
        }
        let what = format_args!("{name} cannot read object {} and leaves it out", source.0);
        self.add(what, FREE, |to| {
            if !is_claimed {
                to.left_out.push((work.redrive, source));
                to.left_out.sort_unstable();
                to.left_out.dedup();
            }
            let work = to.work(host);
            work.unread = work.unread.and(next.ordinals);
            work.next = next.ordinals.last() + 1;
            Ok(())
        });
    }

    /// Claims an object that was read. If another redrive has it, it is left out.
    fn claim(&mut self, host: usize, work: Work, next: Listed) {
        let (model, from, name) = (self.model, self.from, self.name(host));
        let (redrive, number) = (work.redrive, next.source.0);
        let claim = self_claim(model.has(Bug::ClaimOfProcess), redrive, name, next.source);
        let is_free = from.claim(next.source).is_none();
        let is_late = model.has(Bug::PinBeforeClaim) && is_free;
        if is_late || (!is_free && self.may_read(redrive, name, next.source)) {
            let is_read = is_late || !model.has(Bug::OwnClaimNotRead);
            let what = format_args!("{name} takes object {number} as its own");
            self.add(what, FREE, |to| {
                to.work(host).took(next.ordinals, is_read);
                Ok(())
            });
        } else if is_free || model.has(Bug::ClaimOverwrites) {
            self.put_claim(host, claim, next.ordinals);
        } else {
            let what = format_args!("{name} finds that object {number} is another's");
            self.add(what, FREE, |to| {
                to.work(host).took(next.ordinals, false);
                Ok(())
            });
        }
    }

    fn put_claim(&mut self, host: usize, claim: Claim, ordinals: Records) {
        let (name, number) = (self.name(host), claim.source.0);
        let put = |to: &mut State| {
            to.claims.retain(|it| it.source != claim.source);
            to.put_claim(claim);
        };
        self.add(format_args!("{name} claims object {number}"), FREE, |to| {
            put(to);
            to.work(host).took(ordinals, true);
            Ok(())
        });
        let what = format_args!("{name} claims object {number}, the answer is lost");
        self.add(what, FAULT, |to| {
            put(to);
            Ok(())
        });
        let what = format_args!("{name} claims object {number}, which is held up");
        self.add(what, FAULT, |to| {
            to.late.push(Late::Claim(claim));
            Ok(())
        });
    }
}

/// The claim of a redrive. The process is part of it only with a fault.
fn self_claim(is_of_process: bool, redrive: u8, name: Process, source: Source) -> Claim {
    Claim {
        source,
        redrive,
        by: if is_of_process {
            name
        } else {
            Process::default()
        },
    }
}

/// The rules that a process was started with.
pub(super) fn rules_of(name: Process) -> u8 {
    u8::from(name.host == 1)
}

impl Work {
    /// The work on a redrive of which nothing has been read.
    pub(super) fn on(redrive: u8, list: List, known: Doc, etag: Option<Doc>) -> Self {
        Self {
            redrive,
            list,
            known,
            etag,
            write: None,
            next: 0,
            is_checked: false,
            buffer: Records(0),
            damaged: Records(0),
            unread: Records(0),
            plan: None,
        }
    }

    /// Goes on behind an object, whose records were read or left out.
    fn took(&mut self, ordinals: Records, is_read: bool) {
        self.is_checked = false;
        self.next = ordinals.last() + 1;
        match is_read {
            true => self.buffer = self.buffer.and(ordinals),
            false => self.damaged = self.damaged.without(ordinals),
        }
    }
}
