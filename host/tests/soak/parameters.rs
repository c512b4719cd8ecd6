//! The parameters that differ between soaks: the kind of hosts, the kind of queue and of its messages, the treatment of
//! misplaced records, whether records are decoded, the format of objects, and the place of the table.

use std::fmt::{self, Display};

use clap::ValueEnum as _;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use sluice::ledger::decoding::{RecordDecoding, RecordEncoding, RecordFormat};
use sluice::ledger::messages::Messages;
use sluice::ledger::misplaced_records::MisplacedRecords;

#[cfg(feature = "console")]
use super::workers::WORKERS;
#[cfg(feature = "console")]
use crate::console::attached::lasting_address;

/// Files with schemas, of which a worker takes one or none. Some values fit no column, or not its type.
pub(super) const SCHEMAS: [(&str, &str); 2] = [
    (
        "old.json",
        r#"{"version": 1, "columns": [
            {"name": "id", "path": ["event_uuid"], "type": "string"},
            {"name": "amount", "type": "double"},
            {"name": "created_datetime", "type": "timestamp(1)"}
        ]}"#,
    ),
    (
        "new.json",
        r#"{"version": 1, "columns": [
            {"name": "id", "path": ["event_uuid"], "type": "string"},
            {"name": "amount", "type": "decimal(9,0)"},
            {"name": "created_at", "type": "json"},
            {"name": "event_subtype", "type": "string"}
        ]}"#,
    ),
];

/// The size of the queue's messages, bytes.
pub(super) const QUEUE_BYTES: usize = 262_144;

/// The bounds of packed messages, of which each host has one, bytes.
const PACK_BYTES: std::ops::Range<usize> = 16_384..QUEUE_BYTES;

/// The parameters of a soak.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameters {
    /// Functions with mappings read the stream, instead of workers.
    pub(super) functions: bool,
    /// The bus is a FIFO queue, which accepts few messages at a time.
    pub(super) fifo: bool,
    /// The treatment of misplaced records.
    pub(super) misplaced_records: MisplacedRecords,
    /// Some producers compress several events into a record.
    pub(super) decodes: bool,
    /// Workers write Parquet.
    pub(super) parquet: bool,
    /// Where the files of the table are that is built from the lake, if one is.
    pub(super) table: Option<WarehousePlace>,
    /// Messages are packed.
    pub(super) packed: bool,
}

/// Where the files of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WarehousePlace {
    Folder,
    Bucket,
}

impl Parameters {
    /// The parameters that follow from a seed.
    pub(super) fn of(seed: u64) -> Self {
        let mut rng = Pcg64Mcg::seed_from_u64(seed.rotate_left(16));
        let functions = rng.random_range(0..3) == 0;
        Self {
            functions,
            fifo: rng.random_range(0..3) == 0,
            misplaced_records: match rng.random() {
                true => MisplacedRecords::Drop,
                false => MisplacedRecords::Keep,
            },
            decodes: rng.random(),
            parquet: !functions && rng.random_range(0..2) == 0,
            table: cfg!(feature = "table").then(|| match rng.random() {
                true => WarehousePlace::Bucket,
                false => WarehousePlace::Folder,
            }),
            packed: rng.random(),
        }
    }

    /// The addresses of the pages of workers, which a console polls. Functions have none.
    #[cfg(feature = "console")]
    pub(super) fn pages(self) -> Vec<String> {
        let workers = if self.functions { 0 } else { WORKERS };
        (0..workers).map(|_| lasting_address()).collect()
    }

    /// The addresses of the pages of workers: nobody polls them.
    #[cfg(not(feature = "console"))]
    pub(super) fn pages(self) -> Vec<String> {
        Vec::new()
    }

    /// The name of the queue.
    pub(super) fn bus(self) -> &'static str {
        if self.fifo { "bus.fifo" } else { "bus" }
    }

    /// The settings of `run` and `audit` that say how records are unpacked: the names of their variables without
    /// `SLUICE_`, and their values.
    fn unpacking(self) -> impl Iterator<Item = (&'static str, String)> {
        let value = self.misplaced_records.to_possible_value().unwrap();
        let misplaced = ("MISPLACED_RECORDS", value.get_name().to_owned());
        let decoding = [("RECORD_ENCODING", "auto"), ("RECORD_FORMAT", "lines")];
        let decoding = decoding.map(|(name, value)| (name, value.to_owned()));
        let decoding = decoding.into_iter().filter(move |_| self.decodes);
        [misplaced].into_iter().chain(decoding)
    }

    /// These settings as arguments.
    pub(super) fn unpacking_arguments(self) -> Vec<String> {
        arguments(self.unpacking())
    }

    /// These settings as variables.
    pub(super) fn unpacking_variables(self) -> Vec<(String, String)> {
        variables(self.unpacking())
    }

    /// The settings of a host for messages. How large packed ones may be must not matter.
    fn messages(self, rng: &mut Pcg64Mcg) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let bytes = rng.random_range(PACK_BYTES).to_string();
        let settings = [
            ("BUS_MESSAGES", "packed".to_owned()),
            ("BUS_MESSAGE_BYTES", bytes),
        ];
        settings.into_iter().filter(move |_| self.packed)
    }

    /// These settings as arguments.
    pub(super) fn message_arguments(self, rng: &mut Pcg64Mcg) -> Vec<String> {
        arguments(self.messages(rng))
    }

    /// These settings as variables.
    pub(super) fn message_variables(self, rng: &mut Pcg64Mcg) -> Vec<(String, String)> {
        variables(self.messages(rng))
    }

    /// What the messages of a chunk are about.
    pub(super) fn messages_pinned(self) -> Messages {
        if self.packed {
            Messages::Packed
        } else {
            Messages::Events
        }
    }

    /// Arguments of a worker that must not matter: how its objects are compressed, or which columns they have.
    pub(super) fn format_arguments(self, rng: &mut Pcg64Mcg) -> Vec<&'static str> {
        if !self.parquet {
            let codecs = ["zstd", "zstd", "zstd", "zstd", "gzip", "none"];
            return vec!["--compression", *codecs.choose(rng).unwrap()];
        }
        let mut arguments = vec!["--format", "parquet"];
        let schemas = SCHEMAS.iter().map(|(file, _)| Some(*file));
        let schemas: Vec<_> = schemas.chain([None]).collect();
        if let Some(file) = schemas.choose(rng).unwrap() {
            arguments.extend(["--schema", file]);
        }
        arguments
    }

    /// What a chunk pins of them.
    pub(super) fn decoding(self) -> RecordDecoding {
        if !self.decodes {
            return RecordDecoding::default();
        }
        RecordDecoding {
            encoding: RecordEncoding::Auto,
            format: RecordFormat::Lines,
        }
    }

    /// The maximum number of records of a chunk. With a FIFO queue, a chunk should usually land
    /// before the next kill.
    pub(super) fn chunk_records(self) -> std::ops::Range<u32> {
        if self.fifo { 50..500 } else { 500..30_000 }
    }

    /// No more records are put while this many events have no message.
    pub(super) fn backlog_max(self) -> u64 {
        if self.fifo { 5_000 } else { 60_000 }
    }
}

fn arguments(settings: impl Iterator<Item = (&'static str, String)>) -> Vec<String> {
    let flag = |name: &str| format!("--{}", name.to_lowercase().replace('_', "-"));
    let arguments = settings.map(|(name, value)| [flag(name), value]);
    arguments.flatten().collect()
}

fn variables(settings: impl Iterator<Item = (&'static str, String)>) -> Vec<(String, String)> {
    let variables = settings.map(|(name, value)| (format!("SLUICE_{name}"), value));
    variables.collect()
}

impl Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = if self.functions {
            "functions"
        } else {
            "workers"
        };
        let queue = if self.fifo { "FIFO" } else { "standard" };
        let messages = if self.packed { "packed" } else { "single" };
        let misplaced = match self.misplaced_records {
            MisplacedRecords::Keep => "kept",
            MisplacedRecords::Drop => "dropped",
        };
        let records = if self.decodes {
            ", some records are compressed"
        } else {
            ""
        };
        let objects = if self.parquet { ", Parquet" } else { "" };
        let table = match self.table {
            None => "",
            Some(WarehousePlace::Folder) => ", a table in a folder",
            Some(WarehousePlace::Bucket) => ", a table in a bucket",
        };
        write!(
            f,
            "{hosts}, a {queue} queue with {messages} messages, misplaced records are {misplaced}{records}{objects}{table}"
        )
    }
}
