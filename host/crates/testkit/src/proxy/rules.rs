//! Rules: which requests fail, and how.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hyper::{Request, header};

use super::super::{rest_catalog, rpc};

/// What happens to a request or its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The proxy responds with this status and body, without the service.
    Status(u16, String),
    /// The connection closes before the service gets the request.
    ResetBefore,
    /// The service executes the request, and the connection closes instead of its response.
    ResetAfter,
    /// The service executes the request, and the proxy responds with this status and body instead of its response.
    StatusAfter(u16, String),
    /// The request waits for this long, and is then forwarded if its client is still connected.
    Hang(Duration),
    /// The request waits until the proxy releases it, and is then forwarded if its client is still
    /// connected.
    Hold,
    /// The service executes the request, and its response waits until the proxy releases it.
    HoldAnswer,
    /// The body of the response arrives in pieces of this many bytes, with a pause before each.
    SlowBody { bytes: usize, pause: Duration },
    /// The body of the response ends after this many bytes.
    TruncateBody(usize),
    /// One bit of the body of the response is changed, and a checksum is of the original body, as
    /// in S3's responses to successful reads.
    DamageBody,
}

impl Fault {
    /// An error in the format of S3.
    pub fn s3(status: u16, code: &str) -> Self {
        let body = format!("<Error><Code>{code}</Code><Message>on command</Message></Error>");
        Self::Status(status, body)
    }

    /// An error in the format of the services that use JSON.
    pub fn json(status: u16, code: &str) -> Self {
        let body = serde_json::json!({ "__type": code, "message": "on command" });
        Self::Status(status, body.to_string())
    }

    /// An error in the format of an Iceberg REST catalog, which has executed the request all the same.
    pub fn catalog_after(status: u16, exception: &str) -> Self {
        let failure = rest_catalog::failure(status, exception, "on command");
        Self::StatusAfter(status, rest_catalog::error_body(&failure))
    }
}

/// What happens, and to which requests: those that match all conditions. By default, only to the
/// first of them.
#[derive(Clone, Debug)]
pub struct Rule {
    fault: Fault,
    method: Option<String>,
    path: Option<String>,
    action: Option<String>,
    body: Vec<String>,
    from: usize,
    times: usize,
    matched: usize,
    hits: usize,
    /// The number of acted-on requests whose fault holds them, or has ended.
    reached: usize,
    healed: bool,
}

impl Rule {
    /// A rule for all requests.
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            method: None,
            path: None,
            action: None,
            body: Vec::new(),
            from: 1,
            times: 1,
            matched: 0,
            hits: 0,
            reached: 0,
            healed: false,
        }
    }

    /// Matches only requests with this method.
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Matches only requests with this text in their path or query.
    pub fn path(mut self, part: &str) -> Self {
        self.path = Some(part.to_owned());
        self
    }

    /// Matches only calls of this action, of a service that uses JSON.
    pub fn action(mut self, action: &str) -> Self {
        self.action = Some(action.to_owned());
        self
    }

    /// Matches only requests with this text in their body. If given twice, both must be there.
    pub fn body(mut self, part: &str) -> Self {
        self.body.push(part.to_owned());
        self
    }

    /// Acts from the n-th matching request on; the first is 1.
    pub fn nth(mut self, nth: usize) -> Self {
        self.from = nth;
        self
    }

    /// Acts on this many matching requests.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Acts on all matching requests until the rule is removed.
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Whether it acts on a request.
    fn acts_on(&mut self, seen: &Seen, body: &[u8]) -> bool {
        let is = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w == is);
        let matches = !self.healed
            && is(&self.method, &seen.method)
            && is(&self.action, seen.action.as_deref().unwrap_or_default())
            && self
                .path
                .as_ref()
                .is_none_or(|part| seen.path.contains(part))
            && self.body.iter().all(|part| contains(body, part));
        self.matched += usize::from(matches);
        let acts = matches && self.matched >= self.from && self.hits < self.times;
        self.hits += usize::from(acts);
        self.reached += usize::from(acts && self.fault != Fault::HoldAnswer);
        acts
    }
}

fn condition(request: &Request<Bytes>) -> Option<String> {
    let mut names = [header::IF_MATCH, header::IF_NONE_MATCH].into_iter();
    names.find_map(|name| {
        let value = request.headers().get(&name)?.to_str().ok()?;
        Some(format!("{name}: {value}"))
    })
}

fn range(request: &Request<Bytes>) -> Option<String> {
    let range = request.headers().get(header::RANGE)?.to_str().ok()?;
    Some(range.to_owned())
}

/// `Authorization: … Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`
fn region(request: &Request<Bytes>) -> Option<String> {
    let signature = request
        .headers()
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let (_, scope) = signature.split_once("Credential=")?;
    Some(scope.split('/').nth(2)?.to_owned())
}

fn contains(body: &[u8], part: &str) -> bool {
    let mut windows = body.windows(part.len());
    windows.any(|window| window == part.as_bytes())
}

/// A rule of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(usize);

/// A request to the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    /// The path with the query.
    pub path: String,
    /// The action, of a service that uses JSON.
    pub action: Option<String>,
    /// Its condition, `If-Match` or `If-None-Match`.
    pub condition: Option<String>,
    /// The range of an object that it asks for.
    pub range: Option<String>,
    /// The region that it is signed for.
    pub region: Option<String>,
    /// What the proxy did with it.
    pub fault: Option<Fault>,
}

/// All rules of a proxy, and their counts.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: BTreeMap<RuleId, Rule>,
    /// The number of rules that were ever added.
    made: usize,
    seen: Vec<Seen>,
}

impl Rules {
    pub(super) fn add(&mut self, rule: Rule) -> RuleId {
        let id = RuleId(self.made);
        self.rules.insert(id, rule);
        self.made += 1;
        id
    }

    /// Removes a rule and returns the number of requests that it has acted on.
    pub(super) fn remove(&mut self, rule: RuleId) -> usize {
        self.rules.remove(&rule).map_or(0, |rule| rule.hits)
    }

    pub(super) fn forget_seen(&mut self) {
        self.seen.clear();
    }

    pub(super) fn remove_rules(&mut self) {
        self.rules.values_mut().for_each(|rule| rule.healed = true);
    }

    pub(super) fn hits(&self, rule: RuleId) -> usize {
        self.rules[&rule].hits
    }

    /// The number of requests on which a rule has finished to act: a held response has arrived.
    pub(super) fn reached(&self, rule: RuleId) -> usize {
        self.rules[&rule].reached
    }

    /// Notes that a response has arrived that a rule holds.
    pub(super) fn holds_answer(&mut self, rule: RuleId) {
        if let Some(rule) = self.rules.get_mut(&rule) {
            rule.reached += 1;
        }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.clone()
    }

    /// Notes a request and returns what to do with it, and by which rule.
    pub(super) fn fault_for(&mut self, request: &Request<Bytes>) -> Option<(RuleId, Fault)> {
        let mut seen = Seen {
            method: request.method().to_string(),
            path: request.uri().to_string(),
            action: rpc::action(request),
            condition: condition(request),
            range: range(request),
            region: region(request),
            fault: None,
        };
        let mut rules = self.rules.iter_mut();
        let found = rules.find_map(|(id, rule)| {
            let acts = rule.acts_on(&seen, request.body());
            acts.then(|| (*id, rule.fault.clone()))
        });
        seen.fault = found.as_ref().map(|(_, fault)| fault.clone());
        self.seen.push(seen);
        found
    }
}
