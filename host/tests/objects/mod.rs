//! Objects of S3 as sources, over a stand-in for S3 and a proxy in front of it.

mod again;
mod errors;
mod many;
mod reading;
mod selection;
mod tools;

use std::process::Command;

use testkit::environment;
use testkit::proxy::{Proxy, Seen};
use testkit::s3::S3;
use tokio::runtime::Runtime;

use crate::support::program::{Place, Ran, Summary};

/// A bucket with the name `source`, and a folder for the lake.
struct Bucket {
    s3: S3,
    proxy: Proxy,
    place: Place,
    runtime: Runtime,
}

impl Bucket {
    fn new() -> Self {
        let s3 = S3::start();
        s3.bucket("source");
        Self {
            proxy: Proxy::start(&s3.endpoint),
            s3,
            place: Place::new(),
            runtime: Runtime::new().unwrap(),
        }
    }

    fn put(&self, key: &str, content: impl AsRef<[u8]>) {
        let put = self.s3.client().put_object().bucket("source").key(key);
        let put = put.body(content.as_ref().to_vec().into());
        self.runtime.block_on(put.send()).unwrap();
    }

    /// The program with S3 in its environment.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.place.command(args);
        command.envs(environment());
        command.env("AWS_ENDPOINT_URL_S3", &self.proxy.endpoint);
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// A run over these sources into the folders of the place.
    fn landing(&self, sources: &[&str], more: &[&str]) -> Command {
        let sources = sources.iter().flat_map(|source| ["--source", source]);
        let args: Vec<_> = sources.chain(more.iter().copied()).collect();
        let args = Place::landing(&args);
        self.command(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn try_land(&self, sources: &[&str], more: &[&str]) -> Ran {
        self.landing(sources, more).output().unwrap().into()
    }

    /// A run over all objects below `in`.
    fn land(&self) -> Summary {
        self.try_land(&["s3://source/in"], &[]).summary()
    }

    /// An audit of what `land` has landed.
    fn audit(&self, source: &str) -> Ran {
        let targets = ["--lake", "file:lake", "--bus", "file:bus"];
        self.run(&[&["audit", "--source", source], &targets[..]].concat())
    }

    /// The requests for objects of the source so far.
    fn reads(&self) -> Vec<Seen> {
        let seen = self.proxy.seen().into_iter();
        let is_read = |seen: &Seen| {
            let is_listing = seen.path.contains("list-type=2");
            seen.method == "GET" && seen.path.starts_with("/source/") && !is_listing
        };
        seen.filter(is_read).collect()
    }

    /// The names of the objects that were read, sorted, and forgets them. Small ones are read at once.
    fn names_read(&self) -> Vec<String> {
        let reads = self.reads();
        self.proxy.forget_seen();
        let name = |seen: Seen| {
            let path = seen.path.split('?').next().unwrap();
            path.rsplit('/').next().unwrap().to_owned()
        };
        let mut names: Vec<_> = reads.into_iter().map(name).collect();
        names.sort_unstable();
        names
    }
}

/// The summary of a run that ended with 1.
fn summary_of_failed(ran: &Ran) -> Summary {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    Summary(serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap())
}

fn gzip(text: &str) -> Vec<u8> {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 3).unwrap()
}
