//! Records that are decoded and split.

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use sluice::ledger::decoding::{RecordDecoding, RecordEncoding, RecordFormat};
use sluice::source::decoding::Decoder;
use sluice_engine::record::{Batch, ShardId};

const ENCODINGS: [RecordEncoding; 6] = [
    RecordEncoding::None,
    RecordEncoding::Gzip,
    RecordEncoding::Zlib,
    RecordEncoding::Zstd,
    RecordEncoding::Base64,
    RecordEncoding::Auto,
];

const FORMATS: [RecordFormat; 4] = [
    RecordFormat::Json,
    RecordFormat::Lines,
    RecordFormat::Concatenated,
    RecordFormat::Array,
];

/// The first byte chooses the settings: `encoding + 6 * format`.
pub(crate) fn feed(input: &[u8]) {
    let Some((choice, data)) = input.split_first() else {
        return;
    };
    let choice = usize::from(*choice) % (ENCODINGS.len() * FORMATS.len());
    let decoding = RecordDecoding {
        encoding: ENCODINGS[choice % ENCODINGS.len()],
        format: FORMATS[choice / ENCODINGS.len()],
    };
    let batch = decoded(data, decoding);
    assert!(!batch.is_empty());
    let places: BTreeSet<_> = batch.positions().iter().collect();
    assert_eq!(places.len(), batch.len(), "two records at one place");
    for (index, _) in batch.undecoded() {
        assert_eq!(batch.record(*index as usize).data, data);
    }
    let most = (200 * data.len()).clamp(1 << 20, 32 << 20);
    assert!(batch.data().len() <= most);
    if let Some(values) = values(data, decoding) {
        let found: Vec<_> = batch.records().map(|record| record.data).collect();
        let values: Vec<_> = values.iter().map(|value| value.get().as_bytes()).collect();
        let is_empty = !batch.undecoded().is_empty();
        assert!(found == values || (values.is_empty() && is_empty));
    }
}

fn decoded(data: &[u8], decoding: RecordDecoding) -> Batch {
    let mut batch = Batch::new(ShardId::new("s").unwrap());
    Decoder::new(&mut batch, decoding, 0.into(), 0).add(data, "", None);
    batch
}

/// The values of plain JSON that is split, as another parser finds them; `None` if it finds an error.
fn values(data: &[u8], decoding: RecordDecoding) -> Option<Vec<Box<RawValue>>> {
    match decoding {
        RecordDecoding {
            encoding: RecordEncoding::None,
            format: RecordFormat::Array,
        } => serde_json::from_slice(data).ok(),
        RecordDecoding {
            encoding: RecordEncoding::None,
            format: RecordFormat::Concatenated,
        } => {
            let values = serde_json::Deserializer::from_slice(data).into_iter();
            values.collect::<Result<_, _>>().ok()
        }
        _ => None,
    }
}
