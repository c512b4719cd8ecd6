//! Tables in Glue, in S3 Tables, and behind a REST catalog, as pyiceberg and `DuckDB` read them. One server stands in for all
//! of them, and for S3.

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::REGION;

use super::super::contents::{Catalog, Warehouse};
use super::super::{Table, variables};
use super::{grow, interpreter, schema};
use crate::support::program::{Place, Ran};

/// How long the server may take to start.
const START: Duration = Duration::from_secs(60);

/// The server, with a bucket for warehouses and a table bucket.
struct Services {
    server: Child,
    endpoint: String,
    variables: BTreeMap<String, String>,
    /// The ARN of the table bucket.
    table_bucket: String,
}

impl Services {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap();
        drop(port);
        let program = Path::new(&interpreter()).with_file_name("ministack");
        let server = Command::new(program)
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", address.port().to_string())
            .env("IOT_MTLS_ENABLED", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let endpoint = format!("http://{address}");
        let mut variables = variables(&endpoint);
        for service in ["GLUE", "S3TABLES"] {
            variables.insert(format!("AWS_ENDPOINT_URL_{service}"), endpoint.clone());
        }
        // What boto3 reads.
        variables.insert("AWS_DEFAULT_REGION".into(), REGION.into());
        let mut services = Self {
            server,
            endpoint,
            variables,
            table_bucket: String::new(),
        };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(started.elapsed() < START, "the server does not start");
            sleep(Duration::from_millis(50));
        }
        let setup = services.python(&["setup"]);
        setup["arn"]
            .as_str()
            .unwrap()
            .clone_into(&mut services.table_bucket);
        services
    }

    /// Runs an action of `catalogs.py`.
    fn python(&self, action: &[&str]) -> Value {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/table/readers/catalogs.py");
        let run = Command::new(interpreter())
            .arg(script)
            .arg(&self.endpoint)
            .args(action)
            .envs(&self.variables)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{action:?}: {errors}");
        serde_json::from_slice(&run.stdout).unwrap()
    }

    /// The table of a new lake in a catalog.
    fn table(&self, catalog: &str) -> Table {
        let place = Place::new();
        let flags = [
            ["--lake", "file:lake"],
            ["--warehouse", "s3://warehouse/sluice"],
            ["--catalog", catalog],
        ];
        let table = Table {
            lake: place.lake(),
            // What is in the table is read by others.
            warehouse: Warehouse {
                catalog: Catalog::Sqlite(place.path("none")),
                root: "s3://warehouse/sluice/".into(),
                folder: place.path("none"),
            },
            flags: flags.concat().into_iter().map(str::to_owned).collect(),
            variables: self.variables.clone(),
            name: "events".into(),
            place,
        };
        table.place.write("old.json", schema(""));
        let late = r#", {"name": "late", "type": "long"}"#;
        table.place.write("new.json", schema(late));
        table
    }

    /// Asserts that a table has this many events, each as in the lake, and that the readers of a catalog find them.
    fn has(&self, table: &Table, events: usize, catalog: &str) {
        self.has_for(&["pyiceberg", "DuckDB"], table, events, catalog);
    }

    /// The same for some readers.
    fn has_for(&self, readers: &[&str], table: &Table, events: usize, catalog: &str) {
        let status = table.status();
        assert_eq!(status["events"], events, "{status:#}");
        assert_eq!(status["waiting_chunks"], 0, "{status:#}");
        let audited = run(table, &["audit", "--table"], &[]).succeeded().stdout;
        let proven = format!("proven: the {events} rows of sluice.events are the events");
        assert!(audited.starts_with(&proven), "{audited}");
        let mut ids: Vec<_> = (0..events).map(|n| format!("u-{n}")).collect();
        ids.sort_unstable();
        let read = self.python(&["read", catalog]);
        for reader in readers.iter().copied() {
            assert_eq!(read[reader]["ids"], json!(ids), "{reader}");
            let columns = read[reader]["columns"].as_array().unwrap();
            assert!(columns.contains(&json!("late")), "{reader}: {columns:?}");
        }
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        let _ended = self.server.kill();
        let _reaped = self.server.wait();
    }
}

/// Runs a command with the flags that say where a table is.
fn run(table: &Table, command: &[&str], more: &[&str]) -> Ran {
    let flags: Vec<_> = table.flags.iter().map(String::as_str).collect();
    let args = [command, &flags, more].concat();
    let mut command = table.place.command(&args);
    command.envs(&table.variables).output().unwrap().into()
}

/// Builds a table of 90 events, in three commits and with a column that is added between them.
fn built(table: &Table) {
    assert!(
        table
            .create(&["--schema", "old.json"])
            .starts_with("created")
    );
    let again = table.create(&["--schema", "old.json"]);
    assert!(again.contains("exists with these columns"), "{again}");
    grow(table, 0..30);
    grow(table, 30..60);
    table.run("evolve", &["--schema", "new.json"]).succeeded();
    grow(table, 60..90);
    assert_eq!(table.sync()["events"], 0);
}

/// Rebuilds a table, removes the one before, and goes on. Returns the name that the one before had.
fn rebuilt(table: &Table) -> String {
    let ran = table.run("rebuild", &["--partition", "event_type", "--json"]);
    let rebuilt: Value = serde_json::from_str(&ran.succeeded().stdout).unwrap();
    assert_eq!(rebuilt["table_events"], 90);
    let kept = rebuilt["kept"].as_str().unwrap().to_owned();
    let before = ["--name", &kept, "--purge", "--yes"];
    run(table, &["table", "drop"], &before).succeeded();
    grow(table, 90..120);
    kept
}

#[test]
#[ignore = "needs ministack, pyiceberg and DuckDB: `make readers`"]
fn a_table_in_glue_is_built_and_read() {
    let services = Services::start();
    let table = services.table("glue");
    table
        .run("status", &[])
        .failed(1, &["there is no table", "sluice table create"]);
    built(&table);
    services.has(&table, 90, "glue");
    let columns = json!({
        "event_uuid": "string",
        "event_type": "string",
        "created_datetime": "timestamp",
        "n": "decimal(38,0)",
        "tags": "array<string>",
        "place": "struct<x:double>",
        "late": "bigint",
        "_rest": "string",
        "_shard": "string",
        "_chunk": "string",
        "_line": "bigint",
    });
    assert_eq!(services.python(&["columns"]), columns);
    services.python(&["other", "lake"]);
    for command in [
        &["table", "create", "--schema", "old.json"][..],
        &["table", "drop", "--yes"],
    ] {
        let why = "sluice.lake in Glue is no Iceberg table; give another --name";
        run(&table, command, &["--name", "lake"]).failed(1, &[why]);
    }
    services.python(&["second", "events__rebuild"]);
    let second = ["--name", "events__rebuild", "--purge", "--yes"];
    run(&table, &["table", "drop"], &second).failed(1, &["is also sluice.events"]);
    let kept = rebuilt(&table);
    services.has(&table, 120, "glue");
    let dropped = table.run("drop", &["--yes"]).succeeded().stdout;
    assert!(dropped.contains("its files are still in s3://warehouse/sluice/"));
    for name in ["sluice.events", &kept] {
        run(&table, &["table", "status"], &["--name", name]).failed(1, &["there is no table"]);
    }
}

#[test]
#[ignore = "needs ministack, pyiceberg and DuckDB: `make readers`"]
fn a_commit_keeps_what_people_note_in_glue() {
    let services = Services::start();
    let table = services.table("glue");
    table.create(&["--schema", "old.json"]);
    services.python(&["note"]);
    let before = services.python(&["parameters"]);
    grow(&table, 0..30);
    let after = services.python(&["parameters"]);
    assert_eq!(after["team"], "web");
    assert_eq!(
        after["previous_metadata_location"],
        before["metadata_location"]
    );
    assert_ne!(after["metadata_location"], before["metadata_location"]);
}

#[test]
#[ignore = "needs ministack, pyiceberg and DuckDB: `make readers`"]
fn a_table_in_a_table_bucket_is_built_and_read() {
    let services = Services::start();
    let arn = &services.table_bucket;
    let table = services.table(&format!("s3tables:{arn}"));
    built(&table);
    services.has(&table, 90, arn);
    rebuilt(&table);
    services.has(&table, 120, arn);
    table.run("drop", &["--yes"]).failed(1, &["--purge"]);
    table.run("drop", &["--yes", "--purge"]).succeeded();
    table.run("status", &[]).failed(1, &["there is no table"]);

    let missing = services.table(&format!("s3tables:{arn}-missing"));
    let why = [
        "table.catalog",
        "create the table bucket, or correct its ARN",
    ];
    missing
        .run("create", &["--schema", "old.json"])
        .failed(1, &why);
    for command in ["status", "sync", "drop"] {
        missing.run(command, &[]).failed(1, &why);
    }
}

/// The REST catalog is that of the table bucket. It creates no table with properties, so the table is created there.
#[test]
#[ignore = "needs ministack, pyiceberg and DuckDB: `make readers`"]
fn a_table_behind_a_rest_catalog_is_built_and_read() {
    let services = Services::start();
    let arn = &services.table_bucket;
    let mut table = services.table(&format!("s3tables:{arn}"));
    built(&table);
    services.has(&table, 90, arn);
    let catalog = table.flags.last_mut().unwrap();
    *catalog = format!("rest:{}/iceberg?warehouse={arn}", services.endpoint);
    grow(&table, 90..120);
    grow(&table, 120..150);
    // From this server, DuckDB still reads the table before the commits over REST. How it reads a table with such commits is
    // tested with a catalog of the tests' own.
    services.has_for(&["pyiceberg"], &table, 150, arn);

    let nowhere = services.table("rest:http://127.0.0.1:1/iceberg");
    let why = ["table.catalog rest:http://127.0.0.1:1/iceberg", "no answer"];
    nowhere.run("status", &[]).failed(1, &why);
}
