//! A table whose catalog speaks REST: all commands, answers that get lost, others who commit, and what cannot be done.

mod drop;
mod duplicates;

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use iceberg::io::LocalFsStorageFactory;
use iceberg::transaction::{ApplyTransactionAction as _, Transaction};
use iceberg::{Catalog as _, CatalogBuilder as _, TableIdent};
use iceberg_catalog_rest::RestCatalogBuilder;
use serde_json::Value;
use testkit::proxy::{Fault, Proxy, Rule};
use testkit::rest_catalog::{Access, RestCatalog, failure};
use tokio::runtime::Runtime;

use super::contents::Catalog;
use super::{Bucket, CatalogKind, Table};
use crate::local::events;
use crate::support::cases::at_once;
use crate::support::program::{Ran, Running};

const TIMEOUT: Duration = Duration::from_secs(60);

const TOKEN: &str = "SLUICE_TABLE_CATALOG_TOKEN";

const OLD_SCHEMA: &str = r#"{"version": 1, "columns": [
    {"name": "event_uuid", "type": "string"},
    {"name": "created_datetime", "type": "timestamp(1)"}
]}"#;

const NEW_SCHEMA: &str = r#"{"version": 1, "columns": [
    {"name": "event_uuid", "type": "string"},
    {"name": "created_datetime", "type": "timestamp(1)"},
    {"name": "n", "type": "long"}
]}"#;

/// A table beside a lake in a folder, and a catalog for it.
fn start(access: Access) -> (Table, RestCatalog) {
    let mut table = Table::in_folder();
    let warehouse = ["--warehouse", "file:lake.warehouse"];
    table.flags.extend(warehouse.map(str::to_owned));
    table.place.write("old.json", OLD_SCHEMA);
    table.place.write("new.json", NEW_SCHEMA);
    let catalog = RestCatalog::start_in_folder(&table.warehouse.folder, access);
    (table, catalog)
}

/// A table beside a lake in a folder, with a REST catalog.
pub(super) fn in_folder() -> Table {
    let (table, catalog) = start(Access::default());
    let uri = catalog.endpoint.clone();
    table.in_rest_catalog(catalog, &uri)
}

/// The same with a proxy in front of the catalog.
fn behind_proxy() -> (Table, Proxy) {
    let (table, catalog) = start(Access::default());
    let proxy = Proxy::start(&catalog.endpoint);
    (table.in_rest_catalog(catalog, &proxy.endpoint), proxy)
}

fn catalog(table: &Table) -> &RestCatalog {
    match &table.warehouse.catalog {
        Catalog::Rest(catalog) => catalog,
        Catalog::Sqlite(file) => panic!("{} is no REST catalog", file.display()),
    }
}

/// Lands events in a file of their own, and takes them.
fn grow(table: &Table, range: std::ops::Range<usize>) {
    let count = range.len();
    table.land(&format!("{}.ndjson", range.start), events(range), &[]);
    assert_eq!(table.sync()["events"], count);
    table.has_the_lake();
}

/// Asserts that the audit proves the table.
fn is_proven(table: &Table) {
    let flags = table.flags.iter().map(String::as_str);
    let args = ["audit", "--table", "--summary", "json"];
    let args: Vec<_> = args.into_iter().chain(flags).collect();
    let mut command = table.place.command(&args);
    let audit = command.envs(&table.variables).output().unwrap();
    let audit = Ran::from(audit).succeeded();
    let report = audit.stdout.lines().last().unwrap();
    let report: Value = serde_json::from_str(report).unwrap();
    assert_eq!(report["proven"], true, "{report:#}");
}

#[test]
fn all_commands_use_a_catalog_with_a_token_and_a_warehouse() {
    let access = Access {
        warehouse: Some("main".into()),
        token: Some("secret".into()),
    };
    let (table, catalog) = start(access);
    let uri = format!("{}?warehouse=main", catalog.endpoint);
    let mut table = table.in_rest_catalog(catalog, &uri);
    table.variables.insert(TOKEN.into(), "secret".into());
    table.create(&["--schema", "old.json"]);
    grow(&table, 0..10);
    let evolve = ["--schema", "new.json"];
    table.run("evolve", &evolve).succeeded();
    grow(&table, 10..30);
    let in_column = |row: &super::contents::Row| row.columns.contains_key("n");
    let in_columns = table.rows().iter().filter(|row| in_column(row)).count();
    assert_eq!(in_columns, 20);
    is_proven(&table);

    let again = table.create(&evolve);
    assert!(again.contains("exists with these columns"), "{again}");
    let rebuilt = table.run("rebuild", &["--json", "--partition", "none"]);
    let rebuilt: Value = serde_json::from_str(&rebuilt.succeeded().stdout).unwrap();
    let kept = rebuilt["kept"].as_str().unwrap();
    table.has_the_lake();
    assert!(table.rows().iter().all(in_column));
    is_proven(&table);

    let (_, kept) = kept.split_once('.').unwrap();
    for name in [kept, "events"] {
        name.clone_into(&mut table.name);
        table.run("drop", &["--yes", "--purge"]).succeeded();
        let missing = format!("there is no table sluice.{}", table.name);
        table.run("status", &[]).failed(1, &[&missing]);
    }
    assert!(table.warehouse.data_files().is_empty());
}

/// The answers to a request that the catalog has executed: in the first case, there is none.
fn lost_answers() -> [Fault; 4] {
    let unknown = |status| Fault::catalog_after(status, "CommitStateUnknownException");
    [Fault::ResetAfter, unknown(500), unknown(502), unknown(504)]
}

/// A table, the proxy in front of its catalog, and how an answer gets lost there.
struct Losing {
    table: Table,
    proxy: Proxy,
    fault: Fault,
}

impl Losing {
    /// Runs a command, which loses the n-th answer to requests for this path. Whether it says so is not the point here.
    fn run(&self, request: (&str, &str, usize), command: &str, more: &[&str]) -> Ran {
        let (method, path, nth) = request;
        let rule = Rule::new(self.fault.clone());
        let lost = self.proxy.add(rule.method(method).path(path).nth(nth));
        let ran = self.table.run(command, more);
        assert!(matches!(ran.code, Some(0 | 1)), "{ran:#?}");
        assert!(!ran.stderr.contains("panicked"), "{ran:#?}");
        assert_eq!(self.proxy.hits(lost), 1, "{ran:#?}");
        ran
    }

    /// The next sync loses the answer to its commit, and finds out that it has succeeded.
    fn grow(&self, range: std::ops::Range<usize>) {
        let file = format!("{}.ndjson", range.start);
        self.table.land(&file, events(range), &[]);
        let sync = ("POST", "/sluice/tables/events", 1);
        self.run(sync, "sync", &[]).succeeded();
        self.table.has_the_lake();
        assert_eq!(self.table.sync()["events"], 0);
        assert!(self.table.removable().is_empty());
    }

    fn each_command(self) {
        let (old, new) = (["--schema", "old.json"], ["--schema", "new.json"]);
        self.run(("POST", "/sluice/tables", 1), "create", &old)
            .succeeded();
        let again = self.table.create(&old);
        assert!(again.contains("exists with these columns"), "{again}");
        self.grow(0..10);
        let evolve = ("POST", "/sluice/tables/events", 1);
        self.run(evolve, "evolve", &new).succeeded();
        self.table.run("evolve", &new).succeeded();
        self.grow(10..20);
        // A rebuild creates a table, fills it, and renames two.
        for lost in [
            ("POST", "/tables/rename", 1),
            ("POST", "/tables/rename", 2),
            ("POST", "/tables/events__rebuild", 1),
            ("POST", "/sluice/tables", 1),
        ] {
            self.run(lost, "rebuild", &[]).succeeded();
            self.table.run("rebuild", &[]).succeeded();
            self.table.has_the_lake();
        }
        let drop = ("DELETE", "/tables/events", 1);
        self.run(drop, "drop", &["--yes"]).succeeded();
        let missing = "there is no table sluice.events";
        self.table.run("sync", &[]).failed(1, &[missing]);
    }
}

#[test]
fn a_lost_answer_to_any_change_loses_and_doubles_nothing() {
    at_once(lost_answers().into_iter().map(|fault| {
        (format!("{fault:?}"), move || {
            let (table, proxy) = behind_proxy();
            let losing = Losing {
                table,
                proxy,
                fault,
            };
            losing.each_command();
        })
    }));
}

#[test]
fn a_commit_that_the_catalog_refuses_is_tried_again() {
    let table = in_folder();
    table.create(&[]);
    let catalog = catalog(&table);
    for (turn, (status, exception)) in [
        (409, "CommitFailedException"),
        (503, "ServiceUnavailableException"),
        (500, "CommitStateUnknownException"),
    ]
    .into_iter()
    .enumerate()
    {
        // Nothing has moved, whatever the answer says.
        let before = catalog.calls("updateTable");
        catalog.fail("updateTable", 2, &failure(status, exception, "on command"));
        grow(&table, turn * 10..turn * 10 + 10);
        assert_eq!(catalog.calls("updateTable"), before + 3, "{status}");
    }
    assert!(table.removable().is_empty());
}

/// Appends a snapshot without files, as another program does.
fn append(catalog: &RestCatalog) {
    // The client has no cryptography of its own, but takes that of the process.
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let _unless_there_is_one = provider.install_default();
    let properties = HashMap::from([("uri".to_owned(), catalog.endpoint.clone())]);
    let appended = async {
        let client = RestCatalogBuilder::default()
            .with_storage_factory(Arc::new(LocalFsStorageFactory))
            .load("other", properties)
            .await?;
        let table = TableIdent::from_strs(["sluice", "events"])?;
        let transaction = Transaction::new(&client.load_table(&table).await?);
        let by = HashMap::from([("by".to_owned(), "somebody else".to_owned())]);
        let append = transaction.fast_append().set_snapshot_properties(by);
        append.apply(transaction)?.commit(&client).await
    };
    Runtime::new().unwrap().block_on(appended).unwrap();
}

/// A sync whose commit the proxy holds.
fn held_sync(table: &Table, proxy: &Proxy) -> Running {
    let commit = Rule::new(Fault::Hold).method("POST").path("/tables/events");
    let held = proxy.add(commit);
    let mut command = table.command("sync", &[]);
    command.stdout(Stdio::null());
    let builder = Running(command.spawn().unwrap());
    assert!(proxy.wait_for_hits(held, 1, TIMEOUT), "no commit");
    builder
}

#[test]
fn a_commit_of_another_program_in_between_does_no_harm() {
    let (table, proxy) = behind_proxy();
    table.create(&[]);
    grow(&table, 0..10);
    table.land("more.ndjson", events(10..20), &[]);
    let mut builder = held_sync(&table, &proxy);
    append(catalog(&table));
    proxy.release_held();
    assert_eq!(builder.ends(), Some(0));
    table.has_the_lake();
    let metadata = table.warehouse.metadata(&table.name);
    assert_eq!(metadata.snapshots().count(), 3);
    // The first sync, the append, a conflict, and the commit on the snapshot of the append.
    assert_eq!(catalog(&table).calls("updateTable"), 4);
    assert!(table.removable().is_empty());
}

#[test]
fn a_commit_that_arrives_late_changes_nothing() {
    let bucket = Bucket::with(CatalogKind::Rest);
    let (table, proxy) = bucket.table("warehouse");
    table.create(&[]);
    table.land("events.ndjson", events(0..30), &[]);
    let mut late = held_sync(&table, &proxy);
    bucket.expire_leases(&table);
    assert_eq!(table.sync()["events"], 30);
    let location = table.warehouse.metadata_location(&table.name);
    proxy.release_held();
    // Whether it says that it has lost its lease is not the point here.
    assert!(matches!(late.ends(), Some(0 | 1)));
    assert_eq!(table.warehouse.metadata_location(&table.name), location);
    table.has_the_lake();
    assert_eq!(table.removable().len(), 1);
}

#[test]
fn a_catalog_that_refuses_the_token_is_named() {
    let access = Access {
        warehouse: None,
        token: Some("right".into()),
    };
    let (table, catalog) = start(access);
    let uri = catalog.endpoint.clone();
    let mut table = table.in_rest_catalog(catalog, &uri);
    for token in [None, Some("not-this-one")] {
        let given = token.map(|token| (TOKEN.to_owned(), token.to_owned()));
        table.variables.extend(given);
        for command in ["create", "sync", "status"] {
            let refused = table.run(command, &[]).failed(1, &[&uri, "401", TOKEN]);
            assert!(!refused.stderr.contains("not-this-one"), "{refused:#?}");
        }
    }
    table.variables.insert(TOKEN.into(), "right".into());
    table.create(&[]);
}

#[test]
fn a_catalog_is_tried_before_a_run() {
    let access = Access {
        warehouse: None,
        token: Some("right".into()),
    };
    let (table, catalog) = start(access);
    table.place.write("events.ndjson", events(0..3));
    let uri = format!("rest:{}", catalog.endpoint);
    let place = ["--table-warehouse", "file:lake.warehouse"];
    let lake = ["--source", "file:events.ndjson", "--lake", "file:lake"];
    let check = ["config", "check", "--connect", "--table-catalog", &uri];
    let checked = |token: &str| -> Ran {
        let mut command = table.place.command(&[&check[..], &place, &lake].concat());
        command.env(TOKEN, token).output().unwrap().into()
    };
    let refused = checked("wrong").failed(1, &["1 of 1 check failed"]);
    assert!(refused.stdout.contains("failed   catalog"), "{refused:#?}");
    assert!(refused.stdout.contains("401"), "{refused:#?}");
    let missing = checked("right").succeeded().stdout;
    assert!(missing.contains("skipped  warehouse"), "{missing}");
    assert!(
        missing.contains("has no table sluice.events yet"),
        "{missing}"
    );
    let endpoint = catalog.endpoint.clone();
    let mut table = table.in_rest_catalog(catalog, &endpoint);
    table.variables.insert(TOKEN.into(), "right".into());
    table.create(&[]);
    let mut command = table.place.command(&[&check[..], &place, &lake].concat());
    let found = command.env(TOKEN, "right").output().unwrap();
    let found = Ran::from(found).succeeded().stdout;
    assert!(found.contains("has the table sluice.events"), "{found}");
}

#[test]
fn a_server_that_is_no_catalog_is_named_and_its_answer_is_cut() {
    let (table, proxy) = behind_proxy();
    let page = format!("<html>{}</html>", "x".repeat(5_000));
    proxy.add(Rule::new(Fault::Status(200, page)).times(100));
    for command in ["create", "sync", "status"] {
        let parts = [
            proxy.endpoint.as_str(),
            "is none of an Iceberg REST catalog",
            "<html>xxx",
        ];
        let refused = table.run(command, &[]).failed(1, &parts);
        assert!(refused.stderr.len() < 1_000, "{refused:#?}");
    }
}

#[test]
fn a_catalog_that_is_down_or_lacks_the_warehouse_is_named() {
    let access = Access {
        warehouse: Some("main".into()),
        token: None,
    };
    let (table, catalog) = start(access);
    let endpoint = catalog.endpoint.clone();
    let mut table = table.in_rest_catalog(catalog, &format!("{endpoint}?warehouse=other"));
    for command in ["create", "sync", "status"] {
        let parts = [endpoint.as_str(), "no warehouse other"];
        table.run(command, &[]).failed(1, &parts);
    }
    let down = RestCatalog::start_in_folder(&table.warehouse.folder, Access::default())
        .endpoint
        .clone();
    *table.flags.last_mut().unwrap() = format!("rest:{down}");
    for command in ["create", "sync", "status"] {
        table.run(command, &[]).failed(1, &[&down]);
    }
}
