//! The table of a soak's lake. Builders and commands reach S3 by two ways: those of builders fail.

use std::path::PathBuf;
use std::process::Command;

use indicatif::HumanCount;
use serde_json::Value;

use super::check::Lake;
use super::parameters::WarehousePlace;
use super::{LAKE, program};
use crate::support::builder_leases::{expire_in_bucket, expire_in_folder};
use crate::support::cloud::Cloud;
use crate::support::program::Ran;
use testkit::proxy::Proxy;

/// The bucket of a warehouse in S3.
const BUCKET: &str = "tables";

/// The columns of the schemas. After them come columns whose values no event has.
const COLUMNS: [(&str, &str); 7] = [
    ("event_uuid", "string"),
    ("created_datetime", "timestamp(1)"),
    ("amount", "double"),
    ("event_type", "string"),
    ("created_at", "double"),
    ("event_subtype", "string"),
    ("event_name", "string"),
];

/// The number of columns that the table is created with.
pub(super) const FIRST_COLUMNS: usize = 2;

/// The table, and the place of its files.
pub(super) struct SoakTable {
    place: WarehousePlace,
    /// The folder that has the files by their keys.
    pub(super) folder: PathBuf,
    /// The file of the catalog.
    pub(super) catalog: PathBuf,
    /// The URI of the warehouse.
    pub(super) uri: String,
    /// The S3 of the builders.
    pub(super) proxy: Proxy,
}

impl SoakTable {
    /// Creates a table without events.
    pub(super) fn create(cloud: &Cloud, place: WarehousePlace) -> Self {
        let (folder, uri) = match place {
            WarehousePlace::Folder => {
                let folder = cloud.place.path("warehouse");
                let uri = format!("file:{}", folder.display());
                (folder, uri)
            }
            WarehousePlace::Bucket => {
                let uri = format!("s3://{BUCKET}/warehouse");
                (cloud.s3.bucket(BUCKET).join("warehouse"), uri)
            }
        };
        let table = Self {
            place,
            folder,
            catalog: cloud.place.path("catalog.sqlite"),
            uri,
            proxy: Proxy::start(&cloud.s3.endpoint),
        };
        let schema = write_schema(cloud, FIRST_COLUMNS);
        let created = table.run(cloud, &["table", "create", "--schema", &schema]);
        created.succeeded();
        table
    }

    /// The program with these arguments and those of the table.
    fn command(&self, cloud: &Cloud, args: &[&str]) -> Command {
        let catalog = format!("sqlite:{}", self.catalog.display());
        let table = ["--lake", LAKE, "--warehouse", &self.uri];
        let args = [args, &table, &["--catalog", &catalog]].concat();
        let mut command = program(cloud, &args);
        command.env("AWS_ENDPOINT_URL_S3", &cloud.s3.endpoint);
        // What a killed builder leaves there is removed with the soak.
        command.env("TMPDIR", cloud.place.path("."));
        command
    }

    /// A builder with these arguments, whose requests can fail.
    pub(super) fn builder(&self, cloud: &Cloud, args: &[&str]) -> Command {
        let sync = ["table", "sync", "--follow"];
        let mut command = self.command(cloud, &[&sync[..], args].concat());
        command.env("AWS_ENDPOINT_URL_S3", &self.proxy.endpoint);
        command
    }

    fn run(&self, cloud: &Cloud, args: &[&str]) -> Ran {
        self.command(cloud, args).output().unwrap().into()
    }

    /// Adds columns, up to this number, and returns whether that succeeded: a builder can commit at the same time.
    pub(super) fn evolve(&self, cloud: &Cloud, columns: usize) -> bool {
        let schema = write_schema(cloud, columns);
        let ran = self.run(cloud, &["table", "evolve", "--schema", &schema]);
        let is_allowed = matches!(ran.code, Some(0 | 1)) && !ran.stderr.contains("panicked");
        assert!(is_allowed, "{ran:#?}");
        ran.code == Some(0)
    }

    /// Ends the leases of builders, which do not notice it: two can work at once then.
    pub(super) fn end_leases(&self, cloud: &Cloud) {
        match self.place {
            WarehousePlace::Folder => expire_in_folder(&self.folder, "soak"),
            WarehousePlace::Bucket => expire_in_bucket(&cloud.s3, BUCKET, &self.folder),
        }
    }

    /// What a command prints as JSON.
    fn json(&self, cloud: &Cloud, args: &[&str]) -> Value {
        let ran = self.run(cloud, args).succeeded();
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// The number of commits so far.
    pub(super) fn commits(&self, cloud: &Cloud) -> u64 {
        let status = self.json(cloud, &["table", "status", "--json"]);
        status["snapshots"].as_u64().unwrap()
    }

    /// Syncs until nothing waits.
    pub(super) fn sync(&self, cloud: &Cloud) {
        let sync = || self.json(cloud, &["table", "sync", "--json"]);
        let first = sync();
        assert_eq!(first["waiting_events"], 0, "{first:#}");
        let again = sync();
        assert_eq!(again["commits"], 0, "{again:#}");
    }

    /// Checks that the table has the events of a lake, each once, and returns what it has in words.
    pub(super) fn check(&self, cloud: &Cloud, lake: &Lake<'_>) -> String {
        let status = self.json(cloud, &["table", "status", "--json"]);
        assert_eq!(status["events"], lake.events, "{status:#}");
        #[cfg(feature = "table")]
        self.check_rows(lake, &status);
        self.audit(cloud, lake.events, "proven", &[]);
        self.audit(cloud, lake.events, "consistent", &["--quick"]);
        format!(
            "the table has {} events in {} files of {} commits, and its audits say the same",
            HumanCount(lake.events),
            status["files"],
            status["snapshots"],
        )
    }

    /// Audits the table, which must have this many events, and nothing else.
    pub(super) fn audit(&self, cloud: &Cloud, events: u64, verdict: &str, more: &[&str]) {
        let audit = ["audit", "--table", "--summary", "json"];
        let report = self.run(cloud, &[&audit[..], more].concat()).summary();
        assert_eq!(report.0[verdict], true, "{:#}", report.0);
        let counts = ["rows", "findings", "foreign_rows", "counted_chunks"];
        assert_eq!(report.counts(counts), [events, 0, 0, 0], "{:#}", report.0);
    }
}

/// Writes a schema of this many columns, and returns the name of its file.
fn write_schema(cloud: &Cloud, columns: usize) -> String {
    let column = |index| match COLUMNS.get(index) {
        Some((name, kind)) => format!(r#"{{"name": "{name}", "type": "{kind}"}}"#),
        None => format!(r#"{{"name": "never_{index}", "type": "string"}}"#),
    };
    let list: Vec<_> = (0..columns).map(column).collect();
    let schema = format!(r#"{{"version": 1, "columns": [{}]}}"#, list.join(", "));
    let file = format!("table-{columns}.json");
    cloud.place.write(&file, schema);
    file
}
