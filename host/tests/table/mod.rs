//! `sluice table`: the events of a lake as an Iceberg table, each once.

mod builders;
pub(crate) mod contents;
mod duplicates;
mod errors;
mod follow;
mod function;
mod kills;
mod kills_together;
mod layouts;
mod problems;
mod read_only_catalog;
mod read_only_lake;
mod readers;
mod rest;
mod settings;
mod sync;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testkit::environment;
use testkit::proxy::Proxy;
use testkit::rest_catalog::{Access, RestCatalog};
use testkit::s3::S3;

use self::contents::{Catalog, Warehouse, are_events_of};
use crate::support::builder_leases;
use crate::support::program::{Place, Ran};

/// The name of the table, unless a test gives another one.
const EVENTS: &str = "events";

/// A table, its lake, and the program between them.
struct Table {
    place: Place,
    /// The folder that has the objects of the lake.
    lake: PathBuf,
    warehouse: Warehouse,
    /// The flags that say where the lake and the table are.
    flags: Vec<String>,
    /// The services.
    variables: BTreeMap<String, String>,
    name: String,
}

impl Table {
    /// A table beside a lake in a folder. Neither exists yet.
    fn in_folder() -> Self {
        let place = Place::new();
        let folder = place.path("lake.warehouse");
        Self {
            lake: place.lake(),
            warehouse: Warehouse {
                catalog: Catalog::Sqlite(folder.join("catalog.sqlite")),
                root: format!("file://{}/", folder.display()),
                folder,
            },
            flags: vec!["--lake".into(), "file:lake".into()],
            variables: BTreeMap::new(),
            name: EVENTS.into(),
            place,
        }
    }

    /// A table in the bucket of its lake, which has this folder, and which the program reaches by this URL.
    fn in_bucket(bucket: &Path, warehouse: &str, endpoint: &str) -> Self {
        let place = Place::new();
        let in_bucket = format!("s3://bucket/{warehouse}");
        let flags = ["--lake", "s3://bucket/lake", "--warehouse", &in_bucket];
        let flags = flags.iter().chain(&["--catalog", "sqlite:catalog.sqlite"]);
        Self {
            lake: bucket.join("lake"),
            warehouse: Warehouse {
                catalog: Catalog::Sqlite(place.path("catalog.sqlite")),
                root: format!("{in_bucket}/"),
                folder: bucket.join(warehouse),
            },
            flags: flags.map(|flag| (*flag).to_owned()).collect(),
            variables: variables(endpoint),
            name: EVENTS.into(),
            place,
        }
    }

    /// The same table with a REST catalog, which the program reaches by this URL.
    fn in_rest_catalog(mut self, catalog: RestCatalog, uri: &str) -> Self {
        if let Some(flag) = self.flags.iter().position(|flag| flag == "--catalog") {
            self.flags.drain(flag..flag + 2);
        }
        self.flags
            .extend(["--catalog".into(), format!("rest:{uri}")]);
        self.warehouse.catalog = Catalog::Rest(catalog);
        self
    }

    /// Another table of the same lake in the same catalog.
    fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// `sluice table COMMAND` of this table.
    fn command(&self, command: &str, more: &[&str]) -> Command {
        let flags = self.flags.iter().map(String::as_str);
        let args = ["table", command].into_iter().chain(flags);
        let named = args.chain(["--name", &self.name]);
        let args: Vec<_> = named.chain(more.iter().copied()).collect();
        let mut command = self.place.command(&args);
        command.envs(&self.variables);
        // What a killed builder leaves is removed with the test.
        command.env("TMPDIR", self.place.path("."));
        command
    }

    fn run(&self, command: &str, more: &[&str]) -> Ran {
        self.command(command, more).output().unwrap().into()
    }

    fn create(&self, more: &[&str]) -> String {
        self.run("create", more).succeeded().stdout
    }

    /// Syncs, and returns what the command prints for scripts.
    fn sync(&self) -> Value {
        self.sync_with(&[])
    }

    fn sync_with(&self, more: &[&str]) -> Value {
        let ran = self.run("sync", &[&["--json"], more].concat());
        serde_json::from_str(&ran.succeeded().stdout).unwrap()
    }

    fn status(&self) -> Value {
        let ran = self.run("status", &["--json"]);
        serde_json::from_str(&ran.succeeded().stdout).unwrap()
    }

    /// Why no builder can go on with the table, as its status says.
    fn problem(&self) -> String {
        let ran = self.run("status", &["--json"]).failed(1, &["`problem`"]);
        let status: Value = serde_json::from_str(&ran.stdout).unwrap();
        status["problem"].as_str().unwrap().to_owned()
    }

    /// Lands a file.
    fn land(&self, file: &str, content: impl AsRef<[u8]>, more: &[&str]) {
        self.place.write(file, content);
        let source = format!("file:{file}");
        let to = ["--source", &source, "--bus", "none"];
        let mut args = Place::landing(&[&to[..], more].concat());
        let lake = args.iter().position(|arg| arg == "--lake").unwrap() + 1;
        args[lake].clone_from(&self.flags[1]);
        let mut command = self.place.command(&args);
        Ran::from(command.envs(&self.variables).output().unwrap()).summary();
    }

    fn rows(&self) -> Vec<contents::Row> {
        self.warehouse.rows(&self.name)
    }

    /// Asserts that the table has each event of the lake once, and that its status says so.
    fn has_the_lake(&self) {
        let rows = self.rows();
        are_events_of(&rows, &self.lake);
        let mut shards = BTreeMap::<_, u64>::new();
        for row in &rows {
            *shards.entry(row.origin.0.as_str()).or_default() += 1;
        }
        let status = self.status();
        let of_status = status["shards"].as_array().unwrap().iter();
        let of_status = of_status.map(|of| {
            (
                of["shard"].as_str().unwrap(),
                of["events"].as_u64().unwrap(),
            )
        });
        let of_status: BTreeMap<_, _> = of_status.filter(|(_, events)| *events > 0).collect();
        assert_eq!(of_status, shards);
        assert_eq!(status["events"], rows.len());
        assert_eq!(status["files"], self.warehouse.files(&self.name).len());
    }

    /// The files that the status lists for removal. None of them is one of the table, and each exists.
    fn removable(&self) -> BTreeSet<String> {
        let status = self.status();
        let keys = status["removable_files"].as_array().unwrap().iter();
        let keys: BTreeSet<_> = keys.map(|key| key.as_str().unwrap().to_owned()).collect();
        let files = self.warehouse.files(&self.name);
        let of_table = files.iter().find(|file| keys.contains(&file.key));
        assert!(of_table.is_none(), "{:?}", of_table.map(|file| &file.key));
        assert!(keys.is_subset(&self.warehouse.data_files()), "{keys:?}");
        keys
    }
}

/// The environment of a program that reaches S3 by this URL.
fn variables(endpoint: &str) -> BTreeMap<String, String> {
    let variables = environment().into_iter();
    let variables = variables.chain([("AWS_ENDPOINT_URL_S3", endpoint)]);
    variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Where the names of tables lead to their metadata.
#[derive(Clone, Copy)]
enum CatalogKind {
    Sqlite,
    Rest,
}

/// A bucket with a lake that tables share. Each table has a catalog of its own.
struct Bucket {
    s3: S3,
    catalogs: CatalogKind,
    folder: PathBuf,
}

impl Bucket {
    fn new() -> Self {
        Self::with(CatalogKind::Sqlite)
    }

    fn with(catalogs: CatalogKind) -> Self {
        let s3 = S3::start();
        Self {
            catalogs,
            folder: s3.bucket("bucket"),
            s3,
        }
    }

    /// A table, and a proxy in front of its requests to S3 and to a REST catalog.
    fn table(&self, warehouse: &str) -> (Table, Proxy) {
        let s3 = ("/", self.s3.endpoint.as_str());
        let catalog = match self.catalogs {
            CatalogKind::Sqlite => None,
            CatalogKind::Rest => {
                let root = format!("s3://bucket/{warehouse}");
                let catalog = RestCatalog::start_in_bucket(&self.s3, &root, Access::default());
                Some(catalog)
            }
        };
        let rest = catalog
            .as_ref()
            .map(|rest| ("/v1/", rest.endpoint.as_str()));
        let services: Vec<_> = rest.into_iter().chain([s3]).collect();
        let proxy = Proxy::start_for(&services);
        let table = Table::in_bucket(&self.folder, warehouse, &proxy.endpoint);
        let table = match catalog {
            Some(catalog) => table.in_rest_catalog(catalog, &proxy.endpoint),
            None => table,
        };
        (table, proxy)
    }

    /// Ends the leases of a table, as if their time was over.
    fn expire_leases(&self, table: &Table) {
        builder_leases::expire_in_bucket(&self.s3, "bucket", &table.warehouse.folder);
    }
}

/// Events as lines of a file.
fn lines(events: &[Vec<u8>]) -> Vec<u8> {
    events
        .iter()
        .flat_map(|event| [event, &b"\n"[..]].concat())
        .collect()
}
