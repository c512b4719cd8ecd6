//! The chunk manifests at the end: one for each chunk, and each says what the lake has.

use std::mem;
use std::path::Path;

use sluice::layout::chunk_manifest::{ChunkManifest, ManifestCounts};

use super::check::{Lake, OUT_OF_TIME};
use super::redrives::is_redrive;
use crate::support::manifests::name_exactly;

impl Lake<'_> {
    /// Checks the manifests of a lake that has been read.
    pub(super) fn check_manifests(&mut self, root: &Path) {
        let manifests = name_exactly(root, mem::take(&mut self.contents));
        assert_eq!(manifests.len(), self.chunks.len());
        for manifest in &manifests {
            let chunk = (manifest.shard.to_string(), manifest.name());
            assert!(self.chunks.contains(&chunk), "{chunk:?} has no object");
            self.check_manifest(manifest);
        }
    }

    /// Each record of a soak is in the lake and on the bus, or in quarantine.
    fn check_manifest(&self, manifest: &ChunkManifest) {
        let key = manifest.key();
        let is_redrive = is_redrive(manifest.shard.as_str());
        let events: u64 = manifest.objects.iter().map(|object| object.lines).sum();
        let quarantined = manifest.quarantine.iter();
        let quarantined: u64 = quarantined.map(|object| object.records).sum();
        let expected = ManifestCounts {
            bytes: manifest.counts.bytes,
            events,
            messages: if is_redrive { 0 } else { events },
            quarantined,
            dropped: 0,
            bus_only: 0,
        };
        assert_eq!(manifest.counts, expected, "{key}");
        assert_eq!(manifest.range.count, events + quarantined, "{key}");
        match is_redrive {
            true => assert_eq!(manifest.pins.messages, None, "{key}"),
            false => self.check_pins(manifest),
        }
    }

    fn check_pins(&self, manifest: &ChunkManifest) {
        let key = manifest.key();
        self.releases.index(&manifest.release.to_string());
        let parameters = self.account.parameters;
        let messages = parameters.messages_pinned();
        assert_eq!(manifest.pins.messages, Some(messages), "{key}");
        let (pins, misplaced_records) = (&manifest.pins, parameters.misplaced_records);
        assert_eq!(pins.misplaced_records, misplaced_records, "{key}");
        assert_eq!(pins.decoding, parameters.decoding(), "{key}");
        self.check_schema(manifest);
        let mut reasons = manifest.quarantine.iter().map(|object| &object.reason);
        let out_of_time = reasons.any(|reason| reason == OUT_OF_TIME);
        assert_eq!(manifest.resource_faults.is_empty(), !out_of_time, "{key}");
    }
}
