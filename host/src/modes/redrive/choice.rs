//! Which redrive a run works on: the one that is named, an unfinished one of the same request, or a new one.

use std::collections::BTreeSet;

use chrono::Utc;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_storage::location::StoreLocation;

use super::Redrive;
use crate::config::{ConfigError, RedriveSettings};
use crate::format::Format;
use crate::layout::object_key::METADATA_FOLDER;
use crate::layout::quarantine_filter::QuarantineFilter;
use crate::quarantine::{Quarantine, QuarantineList, QuarantineObject};
use crate::redrive::{RedriveDocument, RedriveId, RedriveObject, RedriveRequest};
use crate::source::redrive::UnreadableObject;

/// Finds what a run works on.
pub(super) struct Choice<'a> {
    pub(super) run: &'a Redrive<'a>,
    pub(super) redrive: &'a RedriveSettings,
    /// The number of reads at once.
    pub(super) at_once: usize,
}

/// What a run works on.
#[derive(Default)]
pub(super) struct Chosen {
    /// The list; `None` if nothing is left to redrive.
    pub(super) document: Option<RedriveDocument>,
    /// Whether the list is in the lake already.
    pub(super) is_stored: bool,
    /// What cannot be used of the documents that say what is quarantined.
    pub(super) unusable: Vec<UnreadableObject>,
    /// The columns of the partitions of the chunks that the records come from; none if that is not known.
    pub(super) columns: BTreeSet<String>,
}

impl Chosen {
    fn stored(document: RedriveDocument) -> Self {
        Self {
            document: Some(document),
            is_stored: true,
            ..Self::default()
        }
    }
}

impl Choice<'_> {
    /// Finds it.
    ///
    /// # Errors
    /// The lake cannot be read, or the settings do not fit to it.
    pub(super) async fn choose(&self) -> anyhow::Result<Chosen> {
        let known = match &self.redrive.id {
            Some(id) => self.named(id).await?,
            None => self.unfinished().await?,
        };
        match known {
            Some(document) if self.is_finished(&document.id).await? => {
                tracing::warn!(
                    redrive = %document.id,
                    "this redrive has finished and takes nothing more; leave --id out to begin a new one"
                );
                Ok(Chosen::default())
            }
            Some(document) => {
                self.run.warn_of_other_release(&document);
                Ok(Chosen::stored(document))
            }
            None => self.begin().await,
        }
    }

    /// The redrive that the settings name, if it exists.
    async fn named(&self, id: &RedriveId) -> anyhow::Result<Option<RedriveDocument>> {
        let document = self.run.redrives.read(id).await?;
        let filter = &self.redrive.filter;
        let is_other = |document: &RedriveDocument| {
            *filter != QuarantineFilter::default() && *filter != document.request.filter
        };
        if document.as_ref().is_some_and(is_other) {
            let why = format!(
                "the redrive {id} exists and takes other records than these flags say; leave --reason, \
                 --quarantined-by, --shard, --from and --to out to continue it, or give another id"
            );
            return Err(ConfigError::new("id", why).into());
        }
        Ok(document)
    }

    /// An unfinished redrive of the same request on which no other process works, as far as the lake tells.
    async fn unfinished(&self) -> anyhow::Result<Option<RedriveDocument>> {
        let stored = self.run.redrives.list().await?;
        let ids = stored.redrives.iter().map(async |id| {
            let is_open = !self.is_finished(id).await? && !self.run.targets.is_locked(id.shard());
            anyhow::Ok(is_open.then_some(id))
        });
        let ids = stream::iter(ids.collect::<Vec<_>>()).buffered(self.at_once);
        let ids: Vec<_> = ids.try_collect().await?;
        let request = self.request();
        for id in ids.into_iter().flatten() {
            let document = self.run.redrives.read(id).await?;
            if let Some(document) = document.filter(|document| document.request == request) {
                return Ok(Some(document));
            }
        }
        Ok(None)
    }

    async fn is_finished(&self, id: &RedriveId) -> anyhow::Result<bool> {
        Ok(self.run.targets.ledger(id.shard()).await?.is_finished())
    }

    fn request(&self) -> RedriveRequest {
        RedriveRequest {
            filter: self.redrive.filter.clone(),
            release: self.run.release,
        }
    }

    /// The list of a new redrive: what no redrive has claimed.
    async fn begin(&self) -> anyhow::Result<Chosen> {
        let list = self.list().await?;
        let unusable = list.problems.iter().map(|problem| UnreadableObject {
            place: problem.place.clone(),
            why: problem.why.clone(),
            records: None,
        });
        let unusable = unusable.collect();
        let (free, claimed): (Vec<_>, Vec<_>) = list
            .objects
            .into_iter()
            .partition(|object| object.claimed_by.is_none());
        // What a redrive has left behind is among the problems.
        let is_waiting =
            |object: &&QuarantineObject| !object.is_redriven() && !object.is_left_behind;
        for object in claimed.iter().filter(is_waiting) {
            if let Some(redrive) = object.claimed_by.clone() {
                self.run.tally.skipped(redrive, object.remaining());
            }
        }
        if free.is_empty() {
            return Ok(Chosen {
                unusable,
                ..Chosen::default()
            });
        }
        self.check_format(&free)?;
        self.run.warn_of_release(&free);
        let now = Utc::now();
        let id = match &self.redrive.id {
            Some(id) => {
                self.check_unused(id).await?;
                id.clone()
            }
            None => RedriveId::new(now, rand::random()).map_err(anyhow::Error::msg)?,
        };
        let columns = free.iter().flat_map(|object| object.columns.clone());
        let columns = columns.collect();
        let objects = free.into_iter().map(listed).collect();
        let document = RedriveDocument::new(id, now.timestamp_millis(), self.request(), objects);
        Ok(Chosen {
            document: Some(document),
            is_stored: false,
            unusable,
            columns,
        })
    }

    /// Checks that the id of a new redrive has no ledger, which would have the ordinals of another list.
    async fn check_unused(&self, id: &RedriveId) -> anyhow::Result<()> {
        let ledger = self.run.targets.ledger(id.shard()).await?;
        let has_begun = ledger.committed().is_some() || ledger.pending().is_some();
        let is_used = has_begun || ledger.is_finished();
        anyhow::ensure!(
            !is_used,
            "the redrive {id} has a ledger, and its list {} is gone; restore the list to continue it, or give another id",
            self.run.redrives.store().place(&id.key())
        );
        Ok(())
    }

    /// Lists what is quarantined, and says what is left out.
    async fn list(&self) -> anyhow::Result<QuarantineList> {
        let store = self.run.redrives.store();
        let quarantine = Quarantine::open(store, self.at_once).await?;
        if !quarantine.has_commits() {
            anyhow::bail!(
                "nothing has landed in {}; give the lake that `sluice run` has written",
                self.run.settings.lake
            );
        }
        let filter = &self.redrive.filter;
        let list = quarantine.objects(filter).await?;
        if list.objects.is_empty()
            && *filter != QuarantineFilter::default()
            && let Some(present) = quarantine.present(|_| true).await?
        {
            tracing::warn!("the flags name nothing that is or was quarantined; {present}");
        }
        for message in list.left_out.messages(store.as_ref()) {
            tracing::warn!("{message}");
        }
        Ok(list)
    }

    /// Checks that events are written as those of the chunks that the records come from: as lines, or with columns. A
    /// reader of the lake expects one of them.
    fn check_format(&self, objects: &[QuarantineObject]) -> anyhow::Result<()> {
        let settings = self.run.settings;
        let has_lines = |format: Format| format.has_lines();
        let fits =
            |object: &QuarantineObject| has_lines(object.format) == has_lines(settings.format);
        if objects.iter().any(fits) {
            self.run.warn_of_columns(objects);
            return Ok(());
        }
        let schemas = match &settings.lake {
            StoreLocation::Folder(root) => {
                format!("{}/{METADATA_FOLDER}/schemas", root.display())
            }
            StoreLocation::S3 { .. } => format!("{}{METADATA_FOLDER}/schemas", settings.lake),
        };
        let why = match has_lines(settings.format) {
            true => format!(
                "the chunks of these records are Parquet, and the redrive would write lines; give --format parquet and \
                 --schema FILE as for `run` (the schemas of the lake are in {schemas})"
            ),
            false => "the chunks of these records are lines, and the redrive would write Parquet; give --format ndjson \
                      as for `run`"
                .to_owned(),
        };
        let error = ConfigError::new("format", why);
        Err(settings.origins.locate(error).into())
    }
}

/// An object as lists have it.
fn listed(object: QuarantineObject) -> RedriveObject {
    RedriveObject {
        key: object.key,
        shard: object.shard,
        reason: object.reason,
        release: object.release,
        records: object.records,
        bytes: object.bytes,
        digest: object.digest,
        is_undecoded: object.is_undecoded,
    }
}
