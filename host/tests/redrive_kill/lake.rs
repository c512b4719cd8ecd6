//! A lake with records in quarantine for three reasons, and the rules that quarantine them or not.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::cloud::Cloud;
use crate::support::program::{Ran, Running, Summary};
use crate::support::{lake, manifests};

/// The rules of the run. They quarantine one record in twenty, for three reasons in turn.
pub(crate) const FIRST: &str = r#"if .amount == null then error("no amount") else . end"#;

/// The rules after the first fix: records without an amount land.
pub(crate) const SECOND: &str = ".amount = (.amount // 0)";

/// The rules after the second fix: all records land.
pub(crate) const THIRD: &str = r#".amount = (.amount // 0)
    | .kind = (if (.kind | type) == "object" then .kind.name else (.kind // "none") end)"#;

/// The reason that the first fix is for.
pub(crate) const FIXED_FIRST: &str = "jq_error";

/// The file that lands first.
const FIRST_FILE: &str = "events.ndjson";

/// One record in this many is quarantined at first.
pub(crate) const QUARANTINED_ONE_IN: u64 = 20;

/// A thousand records are a chunk of the run, and the records of one object a chunk of a redrive.
const CHUNKS: [&str; 2] = ["--chunk-records", "1"];

/// A record.
fn line(id: u64) -> String {
    let kind = id % 3;
    let is_quarantined = id.is_multiple_of(QUARANTINED_ONE_IN);
    match id / QUARANTINED_ONE_IN % 3 {
        0 if is_quarantined => format!("{{\"id\":{id},\"kind\":\"k{kind}\"}}\n"),
        1 if is_quarantined => format!("{{\"id\":{id},\"amount\":{id}}}\n"),
        2 if is_quarantined => {
            format!("{{\"id\":{id},\"kind\":{{\"name\":\"k{kind}\"}},\"amount\":{id}}}\n")
        }
        _ => format!("{{\"id\":{id},\"kind\":\"k{kind}\",\"amount\":{id}}}\n"),
    }
}

/// How many of these records are quarantined at first for the reason that the first fix is for.
pub(crate) fn fixed_first(ids: std::ops::Range<u64>) -> u64 {
    let step = 3 * QUARANTINED_ONE_IN;
    ids.end.div_ceil(step) - ids.start.div_ceil(step)
}

/// A lake in a folder or in S3, and the program.
pub(crate) struct TestLake {
    pub(crate) cloud: Cloud,
    /// The lake, as settings name it.
    location: String,
    is_in_s3: bool,
    /// The names of the files that have landed.
    sources: Vec<String>,
    /// A name of its file that does not depend on the folder of the test.
    named: &'static [&'static str],
}

impl TestLake {
    /// A lake in a folder.
    pub(crate) fn in_folder() -> Self {
        Self::new("file:lake", false)
    }

    /// A lake in S3.
    pub(crate) fn in_s3() -> Self {
        Self::new("s3://bucket/lake", true)
    }

    fn new(location: &str, is_in_s3: bool) -> Self {
        Self {
            cloud: Cloud::new(1),
            location: location.to_owned(),
            is_in_s3,
            sources: Vec::new(),
            named: &[],
        }
    }

    /// The same, with one file, whose shard has the same name in each test.
    pub(crate) fn of_one_named_file(mut self) -> Self {
        self.named = &["--source-name", "events"];
        self
    }

    /// Lands the file with these records.
    pub(crate) fn land_first(&mut self, ids: std::ops::Range<u64>) -> Summary {
        self.land(FIRST_FILE, ids)
    }

    /// The same with the program of another folder, which has it compiled already.
    pub(crate) fn with_program(mut self, program: PathBuf) -> Self {
        self.cloud.place.use_program(program);
        self
    }

    /// A copy of a lake in a folder, in which this process works from now on.
    pub(crate) fn continue_in_copy(&mut self, of: &str, name: &str) {
        let path = |name: &str| self.cloud.place.path(name);
        let copied = Command::new("cp")
            .arg("-r")
            .args([path(of), path(name)])
            .status();
        assert!(copied.unwrap().success());
        self.location = format!("file:{name}");
    }

    /// The folder that has its objects.
    pub(crate) fn folder(&self) -> PathBuf {
        match self.is_in_s3 {
            true => self.cloud.lake(),
            false => self
                .cloud
                .place
                .path(self.location.trim_start_matches("file:")),
        }
    }

    /// The program with these arguments and the lake.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let args = [args, &["--lake", &self.location]].concat();
        let mut command = self.cloud.place.command(&args);
        if self.is_in_s3 {
            let usual = self.cloud.command(&[]);
            let set = usual.get_envs();
            command.envs(set.filter_map(|(name, value)| Some((name, value?))));
        }
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// A run of a file with these records by the first rules.
    pub(crate) fn run_of(&mut self, file: &str, ids: std::ops::Range<u64>) -> Command {
        let content: String = ids.map(line).collect();
        self.cloud.place.write(file, content);
        let source = format!("file:{file}");
        let run = ["run", "--source", &source, "--bus", "none"];
        let command = self.with_rules(&[&run[..], self.named].concat(), FIRST);
        self.sources.push(source);
        command
    }

    /// Lands a file with these records by the first rules.
    fn land(&mut self, file: &str, ids: std::ops::Range<u64>) -> Summary {
        let mut command = self.run_of(file, ids);
        Ran::from(command.output().unwrap()).summary()
    }

    /// A redrive by these rules.
    pub(crate) fn redrive(&self, rules: &str, more: &[&str]) -> Command {
        self.with_rules(&[&["redrive"], more].concat(), rules)
    }

    fn with_rules(&self, args: &[&str], rules: &str) -> Command {
        let config = ["--transform-config", r#"{"partition_by":["kind"]}"#];
        let chunks = match args.contains(&"--chunk-records") {
            true => &[][..],
            false => &CHUNKS,
        };
        let args = [args, &["--jq", rules], &config, chunks].concat();
        self.command(&[&args[..], &["--summary", "json"]].concat())
    }

    /// Redrives to the end.
    pub(crate) fn redrive_all(&self, rules: &str, more: &[&str]) -> Summary {
        Ran::from(self.redrive(rules, more).output().unwrap()).summary()
    }

    /// Redrives until nothing is left that no redrive has claimed.
    pub(crate) fn redrive_the_rest(&self, rules: &str) {
        let next = || self.redrive_all(rules, &[]).0["redrive"]["id"].clone();
        assert!((0..3).any(|_| next() == Value::Null), "something is left");
    }

    /// The objects and the documents of its chunks, without those of the program and of ledgers. The list of a redrive has
    /// the time of its begin.
    pub(crate) fn landed(&self) -> BTreeMap<String, Vec<u8>> {
        let folders = [
            "kind=",
            "_sluice/quarantine/",
            "_sluice/chunks/",
            "_sluice/redrives/claims/",
        ];
        let mut landed = lake::tree(&self.folder());
        landed.retain(|key, _| {
            let is_in = folders.iter().any(|folder| key.starts_with(folder));
            is_in && !key.ends_with('/')
        });
        landed
    }

    /// The audit of the lake. It must be proven, with this many records in the lake and in quarantine.
    pub(crate) fn is_proven(&self, in_lake: u64, quarantined: u64) {
        let sources = self.sources.iter();
        let sources = sources.flat_map(|source| ["--source", source.as_str()]);
        let args: Vec<_> = ["audit", "--summary", "json"]
            .into_iter()
            .chain(sources)
            .chain(self.named.iter().copied())
            .collect();
        let audit = self.run(&args).summary();
        assert_eq!(audit.0["proven"], true, "{:#}", audit.0);
        let counts = audit.counts(["in_lake", "quarantined", "not_yet"]);
        assert_eq!(counts, [in_lake, quarantined, 0], "{:#}", audit.0);
        manifests::are_complete(&self.folder());
    }

    /// The lake has an event of each of these records, once, and no other event.
    pub(crate) fn has_events_of(&self, mut is_landed: impl FnMut(&u64) -> bool, ids: u64) {
        let events = lake::all_events(&self.folder());
        let id = |event: &String| {
            let event: Value = serde_json::from_str(event).unwrap();
            event["id"].as_u64().unwrap()
        };
        let mut found: Vec<_> = events.iter().map(id).collect();
        found.sort_unstable();
        let expected: Vec<_> = (0..ids).filter(|id| is_landed(id)).collect();
        assert!(
            found == expected,
            "{} events, {} expected",
            found.len(),
            expected.len()
        );
    }

    /// A table of the lake gets each of its events once.
    #[cfg(feature = "table")]
    pub(crate) fn table_has(&self, events: u64) {
        let place = match self.is_in_s3 {
            true => vec![
                "--warehouse",
                "s3://bucket/warehouse",
                "--catalog",
                "sqlite:catalog.sqlite",
            ],
            false => Vec::new(),
        };
        let run = |args: &[&str]| self.run(&[args, &place].concat());
        run(&["table", "create"]).succeeded();
        let synced = run(&["table", "sync", "--json"]).succeeded();
        let synced: Value = serde_json::from_str(&synced.stdout).unwrap();
        assert_eq!(synced["events"], events, "{synced:#}");
        let audit = run(&["audit", "--table", "--summary", "json"]).summary();
        assert_eq!(audit.0["proven"], true, "{:#}", audit.0);
        assert_eq!(
            audit.counts(["rows", "findings"]),
            [events, 0],
            "{:#}",
            audit.0
        );
    }

    /// Starts a program. What it prints goes to a file.
    pub(crate) fn start(&self, mut command: Command, log: &str) -> Running {
        let log = File::create(self.cloud.place.path(log)).unwrap();
        command.stdout(Stdio::null()).stderr(log);
        Running(command.spawn().unwrap())
    }

    /// Asserts that a program ends well.
    pub(crate) fn ends_well(&self, mut running: Running, log: &str) {
        assert_eq!(running.ends(), Some(0), "{}", self.cloud.log(log));
    }
}
