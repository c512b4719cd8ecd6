//! A console that looks on at a soak: it polls the workers, reads the lake, and may write nothing.

use std::sync::Arc;

use super::{LAKE, REGISTRY, program};
use crate::console::attached::AttachedConsole;
use crate::support::cloud::Cloud;
use crate::support::program::Summary;
use testkit::proxy::{Fault, Proxy, Rule, RuleId};

/// The methods of requests to S3 that change something.
const WRITES: [&str; 3] = ["PUT", "POST", "DELETE"];

/// The console, and its own way to S3, on which writes are denied.
pub(super) struct Onlooker {
    console: AttachedConsole,
    s3: Proxy,
    denied: [RuleId; 3],
}

impl Onlooker {
    /// Starts the console, which polls workers at these addresses.
    pub(super) fn start(cloud: &Arc<Cloud>, workers: &[String]) -> Self {
        let s3 = Proxy::start(&cloud.s3.endpoint);
        let denied = WRITES.map(|method| {
            let denied = Fault::s3(403, "AccessDenied");
            s3.add(Rule::new(denied).method(method).always())
        });
        let mut args = vec!["console", "--lake", LAKE, "--registry", REGISTRY];
        let urls = workers.iter().map(|address| format!("http://{address}"));
        let urls: Vec<_> = urls.collect();
        args.extend(urls.iter().flat_map(|url| ["--worker", url]));
        let mut command = program(cloud, &args);
        command.env("AWS_ENDPOINT_URL_S3", &s3.endpoint);
        Self {
            console: AttachedConsole::start(&mut command),
            s3,
            denied,
        }
    }

    /// Forgets its requests so far, of which a long soak has too many to keep.
    pub(super) fn forget_requests(&self) {
        self.s3.forget_seen();
    }

    /// Checks that it is still there, shows what the audit has counted, and has tried to write nothing.
    pub(super) fn check(&self, audit: &Summary) {
        self.forget_requests();
        self.console.agrees_with(audit);
        assert!(self.s3.untouched() > 0, "the console has read nothing");
        let writes = self.denied.map(|rule| self.s3.hits(rule));
        assert_eq!(writes, [0; 3], "the console has tried to write: {WRITES:?}");
    }
}
