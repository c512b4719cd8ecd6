//! What a redrive says of its rules before it begins: that they may not be those that its user wants.

use std::collections::{BTreeMap, BTreeSet};

use super::Redrive;
use crate::config::{TableSource, TransformChoice, continue_command};
use crate::format::parquet::TableSchema;
use crate::layout::chunk::RedrivenCounts;
use crate::quarantine::QuarantineObject;
use crate::redrive::RedriveDocument;

impl Redrive<'_> {
    /// Warns if the release has rejected all of these records before, or if nobody has chosen it.
    pub(super) fn warn_of_release(&self, objects: &[QuarantineObject]) {
        let release = self.release;
        if objects.iter().all(|object| object.release == release) {
            tracing::warn!(
                %release,
                "the release that transforms these records has quarantined all of them before; give other rules, unless \
                 limits or --record-encoding have changed"
            );
        } else if self.has_default_rules() && objects.iter().all(|it| it.release != release) {
            tracing::warn!(
                %release,
                "no rules are given, so {} transforms these records, which other rules have quarantined; give --registry, \
                 --jq or --transform as for `run`",
                self.settings.transform.name()
            );
        }
    }

    /// Whether the settings name no rules.
    fn has_default_rules(&self) -> bool {
        let settings = self.settings;
        settings.registry.is_none()
            && settings.pinned_release.is_none()
            && settings.transform == TransformChoice::default()
    }

    /// Warns if events get the built-in columns, and those of the chunks that the records come from have others.
    pub(super) fn warn_of_columns(&self, objects: &[QuarantineObject]) {
        let builtin = TableSchema::builtin();
        let table = &self.settings.table;
        let writes_builtin =
            matches!(table, Some(TableSource::Known(schema)) if **schema == *builtin);
        let mut schemas = objects.iter().filter_map(|object| object.schema).peekable();
        if writes_builtin
            && schemas.peek().is_some()
            && schemas.all(|schema| schema != builtin.digest())
        {
            tracing::warn!(
                "the chunks of these records have the columns of a schema, and the redrive writes the built-in ones; give \
                 --schema FILE as for `run`"
            );
        }
    }

    /// Warns if events are in partitions by other columns than those of the chunks that the records come from, as far as
    /// these are known.
    pub(super) fn warn_of_other_partitions(
        &self,
        before: &BTreeSet<String>,
        redriven: &BTreeMap<String, RedrivenCounts>,
    ) {
        if before.is_empty() {
            return;
        }
        let now = redriven.values().flat_map(|counts| &counts.columns);
        let other: BTreeSet<_> = now.filter(|columns| !before.contains(*columns)).collect();
        if other.is_empty() {
            return;
        }
        let verb = match self.dry_run {
            true => "would land",
            false => "have landed",
        };
        tracing::warn!(
            "records {verb} {}, and the chunks that they come from have events {}; readers that look for these partitions \
             do not find the others: let the rules set the same partition",
            places(other.into_iter()),
            places(before.iter()),
        );
    }

    /// Warns if a redrive goes on with another release than the one it was begun with.
    pub(super) fn warn_of_other_release(&self, document: &RedriveDocument) {
        let (begun_with, release) = (document.request.release, self.release);
        if begun_with != release {
            let command = continue_command(&self.settings.lake, &document.id, begun_with);
            tracing::warn!(
                redrive = %document.id,
                %release,
                %begun_with,
                "this redrive was begun with another release; `{command}` would continue it with that one"
            );
        }
    }
}

/// Partitions by their columns, in words.
fn places<'a>(columns: impl Iterator<Item = &'a String>) -> String {
    let places = columns.map(|columns| match columns.as_str() {
        "" => "at the top of the lake".to_owned(),
        columns => format!("in partitions by {columns}"),
    });
    places.collect::<Vec<_>>().join(" and ")
}
