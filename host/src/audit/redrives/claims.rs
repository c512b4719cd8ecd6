//! Reads the claims of a lake.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_storage::object_store::Found;

use super::super::LakeAudit;
use super::super::finding::{Finding, Kind};
use super::super::report::Report;
use crate::redrive::{CLAIM_MAX_BYTES, Claim, RedriveId, claim_key};

/// The claims of each redrive: the key of each object, and that of its claim.
#[derive(Debug, Default)]
pub(super) struct Claims(BTreeMap<RedriveId, BTreeMap<String, String>>);

impl Claims {
    /// Reads all claims. Those that are none are reported.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub(super) async fn read(lake: &LakeAudit, report: &mut Report) -> anyhow::Result<Self> {
        let mut claims = Self::default();
        let keys = lake.inventory.claims().iter();
        let reads = stream::iter(keys).map(|key| async move {
            anyhow::Ok((key, lake.store.get(key, CLAIM_MAX_BYTES).await?))
        });
        let mut reads = reads.buffered(lake.reads_at_once);
        while let Some((key, found)) = reads.try_next().await? {
            let claim = match found {
                // It was removed a moment ago. If records were landed by it, it is reported as missing.
                Found::Nothing => continue,
                Found::Content(text) => Claim::parse(&text).map_err(|error| error.to_string()),
                Found::TooLarge(bytes) => Err(format!(
                    "it has {bytes} bytes, at most {CLAIM_MAX_BYTES} are read"
                )),
            };
            if let Some(finding) = claims.add(key, claim) {
                report.findings.add(|| finding);
            }
        }
        Ok(claims)
    }

    /// Adds a claim, or returns what is wrong with it.
    fn add(&mut self, key: &str, claim: Result<Claim, String>) -> Option<Finding> {
        let Claim {
            redrive, object, ..
        } = match claim {
            Ok(claim) => claim,
            Err(why) => {
                let why =
                    format!("{key} cannot be read as a claim: {why}; restore it as it was written");
                return Some(Finding::of_file(Kind::DamagedClaim, why).at(key));
            }
        };
        match claim_key(&object) {
            Some(own) if own == key => {
                let claims = self.0.entry(redrive).or_default();
                claims.insert(object, own);
                None
            }
            own => {
                let own = match own {
                    Some(own) => format!("whose claim is {own}"),
                    None => "which is no object of quarantine".into(),
                };
                let why = format!(
                    "{key} is not the claim of an object: it names {object}, {own}; move it away"
                );
                Some(Finding::new(Kind::ExtraClaim, redrive.shard(), why).at(key))
            }
        }
    }

    /// The redrives that have claims.
    pub(super) fn redrives(&self) -> impl Iterator<Item = RedriveId> {
        self.0.keys().cloned()
    }

    /// The keys of the claims of a redrive.
    pub(super) fn of(&self, redrive: &RedriveId) -> impl Iterator<Item = &String> {
        self.0.get(redrive).into_iter().flat_map(BTreeMap::values)
    }

    /// Removes and returns the claims of a redrive, by the keys of the objects.
    pub(super) fn take(&mut self, redrive: &RedriveId) -> BTreeMap<String, String> {
        self.0.remove(redrive).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = "_sluice/quarantine/reason=trap/\
                          s-00000000000000000001-00000000000000000009-0123abcd.ndjson.zst";

    #[test]
    fn a_claim_belongs_to_the_name_of_its_object() {
        let id: RedriveId = "one".parse().unwrap();
        let claim = |object: &str| Ok(Claim::new(id.clone(), object));
        let key = claim_key(OBJECT).unwrap();
        let mut claims = Claims::default();
        assert!(claims.add(&key, claim(OBJECT)).is_none());
        let copy = key.replace("trap", "other");
        let copied = claims.add(&copy, claim(OBJECT)).unwrap();
        assert_eq!(copied.kind, Kind::ExtraClaim);
        assert!(copied.message.contains(&key), "{}", copied.message);
        let other = claims.add(&key, claim("event_type=a/x.ndjson"));
        assert_eq!(other.unwrap().kind, Kind::ExtraClaim);
        let damaged = claims.add(&copy, Err("cut".into())).unwrap();
        assert_eq!(damaged.kind, Kind::DamagedClaim);
        assert_eq!(claims.of(&id).collect::<Vec<_>>(), [&key]);
        assert_eq!(claims.take(&id).len(), 1);
        assert_eq!(claims.redrives().count(), 0);
    }
}
