//! Quarantined records of a lake, as the rules saw them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use anyhow::Context as _;
use sluice_engine::outcome::Fault;
use sluice_engine::record::{Batch, Position};
use sluice_storage::location::StoreLocation;
use sluice_storage::object_store::{Found, ObjectStore};
use sluice_storage::retry::RetryPolicy;

use super::input::{Origin, Records};
use super::stream::RETRY_TIMEOUT;
use crate::config::{ConfigError, parse_store};
use crate::format::decode;
use crate::layout::object_key::{METADATA_FOLDER, ParsedKey};
use crate::layout::quarantine::QuarantinedRecord;
use crate::ledger::decoding::RecordDecoding;
use crate::output;
use crate::source::decoding::Decoder;

/// What comes before the code of the reason in the name of a folder.
const REASON: &str = "reason=";

/// A lake to take quarantined records from.
pub(super) struct QuarantineInput {
    lake: StoreLocation,
    reason: Option<String>,
    decoding: RecordDecoding,
}

impl QuarantineInput {
    /// The quarantine of a lake: all of it, or the records of one reason.
    ///
    /// # Errors
    /// A target that is none.
    pub(super) fn new(
        lake: &str,
        reason: Option<String>,
        decoding: RecordDecoding,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            lake: parse_store("quarantined", lake)?,
            reason,
            decoding,
        })
    }

    /// Lists the objects of quarantine.
    ///
    /// # Errors
    /// The lake cannot be listed, or has no record that was quarantined for the reason.
    pub(super) async fn open(&self) -> anyhow::Result<QuarantineReading> {
        let store = self.lake.open(RetryPolicy::new(RETRY_TIMEOUT)).await?;
        let folder = format!("{METADATA_FOLDER}/quarantine/");
        let mut keys = BTreeSet::new();
        let mut add = |name: &str| {
            keys.insert(format!("{folder}{name}"));
        };
        store.list(&folder, &mut add).await?;
        let (keys, others): (BTreeSet<_>, BTreeSet<_>) =
            keys.into_iter().partition(|key| reason_of(key).is_some());
        if let Some(first) = others.first() {
            let count = output::counted(others.len() as u64, "file");
            let place = store.place(first);
            output::message(format_args!(
                "sluice: leaving out {count} in quarantine that Sluice has not written, such as {place}"
            ));
        }
        let reasons: BTreeSet<_> = keys.iter().filter_map(|key| reason_of(key)).collect();
        if let Some(reason) = &self.reason
            && !reasons.contains(reason.as_str())
        {
            let reasons = Vec::from_iter(reasons).join(", ");
            anyhow::bail!(
                "{} has no record that is quarantined for {reason:?}; its reasons: {}",
                self.lake,
                if reasons.is_empty() { "none" } else { &reasons }
            );
        }
        let is_wanted =
            |key: &String| self.reason.is_none() || reason_of(key) == self.reason.as_deref();
        Ok(QuarantineReading {
            keys: keys.iter().filter(|key| is_wanted(key)).cloned().collect(),
            store,
            decoding: self.decoding,
            ready: VecDeque::new(),
        })
    }

    /// Says that there are no records.
    pub(super) fn nothing(&self) -> String {
        let lake = &self.lake;
        format!("{lake} has no quarantined records; give the lake that `run` has written")
    }
}

/// The code of the reason of an object of quarantine; `None` for a file that is none.
fn reason_of(key: &str) -> Option<&str> {
    let (_, code) = ParsedKey::parse(key)?.folder.rsplit_once('/')?;
    code.strip_prefix(REASON)
}

/// Quarantined records that are being read, object by object.
pub(super) struct QuarantineReading {
    store: Arc<dyn ObjectStore>,
    keys: VecDeque<String>,
    decoding: RecordDecoding,
    ready: VecDeque<Records>,
}

impl QuarantineReading {
    /// The next records; `None` at the end.
    ///
    /// # Errors
    /// An object that cannot be read.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Records>> {
        loop {
            if let Some(records) = self.ready.pop_front() {
                return Ok(Some(records));
            }
            let Some(key) = self.keys.pop_front() else {
                return Ok(None);
            };
            let place = self.store.place(&key);
            let content = match self.store.get(&key, usize::MAX).await? {
                Found::Content(content) => content,
                Found::Nothing | Found::TooLarge(_) => {
                    output::message(format_args!(
                        "sluice: leaving out {place}, which was removed a moment ago"
                    ));
                    continue;
                }
            };
            self.ready = records(&key, &place, &content, self.decoding)?;
        }
    }
}

/// The records of an object. Those that could not be decoded are decoded anew; others have been decoded.
fn records(
    key: &str,
    place: &str,
    object: &[u8],
    decoding: RecordDecoding,
) -> anyhow::Result<VecDeque<Records>> {
    let parsed = ParsedKey::parse(key);
    let format = parsed.with_context(|| format!("{place}: not an object of Sluice"))?;
    let lines = decode(format.format, object);
    let lines = lines.with_context(|| format!("cannot read {place}"))?;
    let mut all: VecDeque<Records> = VecDeque::new();
    for (number, line) in (1..).zip(lines.split_inclusive(|byte| *byte == b'\n')) {
        let damaged = || format!("{place}: line {number} is not a quarantined record");
        let read = QuarantinedRecord::parse(line).with_context(damaged)?;
        let (shard, position) = read.origin().with_context(damaged)?;
        let data = read.data().with_context(damaged)?;
        let last = all.back();
        if last.is_none_or(|last| last.batch.is_full() || *last.batch.shard() != shard) {
            all.push_back(Records {
                batch: Batch::new(shard),
                origins: Vec::new(),
            });
        }
        if let Some(records) = all.back_mut() {
            let is_encoded = read.reason == Fault::Undecodable.code().as_str();
            let decoding = if is_encoded {
                decoding
            } else {
                RecordDecoding::default()
            };
            let (batch, Position { sequence, sub }) = (&mut records.batch, position);
            let mut decoder = Decoder::new(batch, decoding, sequence, read.arrived_at);
            decoder.add(&data, &read.partition_key, sub);
            let origin = Origin {
                source: place.to_owned(),
                line: None,
                quarantined: Some((read.reason.to_string(), read.message.to_string())),
            };
            records.origins.resize(records.batch.len(), origin);
        }
    }
    Ok(all)
}
