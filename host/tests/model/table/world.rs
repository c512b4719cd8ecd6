//! The steps of the world: the lake, other writers of the table, and a person who rolls it back or replaces it.

use super::bugs::Bug;
use super::promises::Part;
use super::state::{At, Lease, Stage, State, Table};
use super::steps::{FAULT, FREE, Steps};
use crate::model::state::Records;

impl Steps<'_> {
    pub(super) fn world(&mut self) {
        if self.from.committed < self.model.chunks {
            self.add(format_args!("the lake commits a chunk"), FREE, |to| {
                to.committed += 1;
                Ok(())
            });
        }
        self.arrive();
        self.write_by_others();
        self.expire();
        self.roll_back();
        self.roll_forward();
        if self.from.table.uuid == 0 {
            self.add(format_args!("another table gets the name"), FAULT, |to| {
                to.table = Table {
                    uuid: 1,
                    ..Table::default()
                };
                to.lease = Lease::default();
                Ok(())
            });
        }
    }

    /// A commit arrives after its builder has given it up.
    fn arrive(&mut self) {
        let model = self.model;
        for (n, late) in self.from.late.iter().enumerate() {
            if !model.takes(self.from, *late) {
                continue;
            }
            let what = format_args!("a late commit of {} arrives", late.attempt);
            self.add(what, FREE, |to| {
                to.late.remove(n);
                model.commit(to, late.attempt, Part::All)
            });
        }
    }

    /// Other programs append rows of their own, or replace files by larger ones.
    fn write_by_others(&mut self) {
        self.add(format_args!("others append"), FAULT, |to| {
            let next = to.table.next();
            to.table.append(next);
            Ok(())
        });
        let rows = self.from.rows();
        let next = self.from.table.next();
        if next.files.is_empty() {
            return;
        }
        self.add(format_args!("others compact the table"), FAULT, |to| {
            let mut next = next;
            next.files = Records(0);
            next.compacted = rows;
            to.table.append(next);
            Ok(())
        });
    }

    /// The oldest snapshots expire, up to any one before the current.
    fn expire(&mut self) {
        let table = &self.from.table;
        if table.is_rolled_back && !self.model.has(Bug::ExpiryAfterRollback) {
            return;
        }
        let others: Vec<_> = table.known().filter(|it| *it != table.current).collect();
        for last in others {
            self.add(format_args!("snapshots up to {last} expire"), FAULT, |to| {
                let current = to.table.current;
                for (number, snapshot) in (1..=last).zip(&mut to.table.snapshots) {
                    if number != current {
                        *snapshot = None;
                    }
                }
                Ok(())
            });
        }
    }

    /// A person rolls the table back to a snapshot before the current one. The properties stay.
    fn roll_back(&mut self) {
        let (model, table) = (self.model, &self.from.table);
        let before = |number: &u8| *number != table.current && table.has_ancestor(*number);
        let targets: Vec<_> = table.known().filter(before).collect();
        for target in targets {
            let rows = model.covered(self.from.rows_of(target));
            let has_all = rows.has_all(model.below_watermark(self.from));
            // Behind a commit of duplicates alone, the table has all rows.
            let last = table.made_by(table.attempt);
            let is_behind_duplicates =
                !model.same.is_empty() && last.is_some_and(|last| target < last);
            let is_behind = !has_all || is_behind_duplicates;
            let is_base = self.from.is_base(target);
            if is_behind && is_base && !model.has(Bug::RollbackUnderCommit) {
                continue;
            }
            self.add(
                format_args!("a person rolls back to {target}"),
                FAULT,
                |to| {
                    to.table.current = target;
                    to.table.is_rolled_back = !has_all;
                    Ok(())
                },
            );
        }
    }

    /// The person does what the builder says.
    fn roll_forward(&mut self) {
        let table = &self.from.table;
        let Some(last) = table.made_by(table.attempt) else {
            return;
        };
        // Without a duplicate's commit, the table has all rows, and its builder stops nevertheless.
        let is_behind_duplicates = !self.model.same.is_empty() && !table.has_ancestor(last);
        if table.is_rolled_back || is_behind_duplicates {
            self.add(
                format_args!("the person rolls forward to {last}"),
                FREE,
                |to| {
                    to.table.current = last;
                    to.table.is_rolled_back = false;
                    Ok(())
                },
            );
        }
    }
}

impl State {
    /// Whether a commit in flight is built on a snapshot.
    fn is_base(&self, snapshot: u8) -> bool {
        let uuid = self.table.uuid;
        let tries = self.builders.iter().any(|builder| match builder {
            At::Work(work) => {
                work.stage
                    == Stage::Try {
                        on: uuid,
                        base: snapshot,
                    }
            }
            _ => false,
        });
        let mut late = self.late.iter();
        tries || late.any(|late| late.on == uuid && late.base == snapshot)
    }
}
