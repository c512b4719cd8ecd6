//! What is to be done to which requests.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hyper::{Request, header};

use super::super::rpc;

/// What is done to a request or its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status and body in place of the service's answer.
    Status(u16, String),
    /// The connection closes; the service learns of nothing.
    ResetBefore,
    /// The service carries the request out; the connection closes in place of its answer.
    ResetAfter,
    /// Nothing happens for so long; then the request goes its way, if its client is still there.
    Hang(Duration),
    /// Nothing happens until the proxy lets go; then the request goes its way, if its client is still
    /// there.
    Hold,
    /// The service carries the request out; its answer waits until the proxy lets go.
    HoldAnswer,
    /// The answer's body comes in pieces of so many bytes, with a pause before each.
    SlowBody { bytes: usize, pause: Duration },
    /// The answer's body breaks off behind so many bytes.
    TruncateBody(usize),
    /// One bit of the answer's body is another, and a checksum says how the body was: that of S3 for the
    /// answers to reads, where they succeed.
    DamageBody,
}

impl Fault {
    /// An error as S3 writes it.
    pub fn s3(status: u16, code: &str) -> Self {
        let body = format!("<Error><Code>{code}</Code><Message>on command</Message></Error>");
        Self::Status(status, body)
    }

    /// An error as the services that speak JSON write it.
    pub fn json(status: u16, code: &str) -> Self {
        let body = serde_json::json!({ "__type": code, "message": "on command" });
        Self::Status(status, body.to_string())
    }
}

/// What is to be done, and to which requests: those that have everything that is asked for. Unless
/// it says otherwise it acts on the first of them.
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
    /// Of the hits those that are at the point where the fault holds or ends them.
    reached: usize,
    healed: bool,
}

impl Rule {
    /// A rule for requests of all kinds.
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

    /// Only requests of this method.
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only requests with this text in their path, or in the query behind it.
    pub fn path(mut self, part: &str) -> Self {
        self.path = Some(part.to_owned());
        self
    }

    /// Only calls of this action, of a service that speaks JSON.
    pub fn action(mut self, action: &str) -> Self {
        self.action = Some(action.to_owned());
        self
    }

    /// Only requests with this text in their body; given twice, with both.
    pub fn body(mut self, part: &str) -> Self {
        self.body.push(part.to_owned());
        self
    }

    /// Acts from the n-th such request on; the first is 1.
    pub fn nth(mut self, nth: usize) -> Self {
        self.from = nth;
        self
    }

    /// Acts on so many such requests.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Acts on all such requests until the proxy is healed.
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

fn contains(body: &[u8], part: &str) -> bool {
    let mut windows = body.windows(part.len());
    windows.any(|window| window == part.as_bytes())
}

/// A rule of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(usize);

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    /// The path, with the query.
    pub path: String,
    /// The action, of a service that speaks JSON.
    pub action: Option<String>,
    /// Its condition, `If-Match` or `If-None-Match`.
    pub condition: Option<String>,
    /// What was done to it.
    pub fault: Option<Fault>,
}

/// All rules of a proxy, and what came of them.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: BTreeMap<RuleId, Rule>,
    /// How many rules there ever were.
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

    /// Takes a rule away; on how many requests it has acted.
    pub(super) fn remove(&mut self, rule: RuleId) -> usize {
        self.rules.remove(&rule).map_or(0, |rule| rule.hits)
    }

    pub(super) fn forget_seen(&mut self) {
        self.seen.clear();
    }

    pub(super) fn heal(&mut self) {
        self.rules.values_mut().for_each(|rule| rule.healed = true);
    }

    pub(super) fn hits(&self, rule: RuleId) -> usize {
        self.rules[&rule].hits
    }

    /// How many requests a rule has acted on as far as it goes: an answer that is held is there.
    pub(super) fn reached(&self, rule: RuleId) -> usize {
        self.rules[&rule].reached
    }

    /// Notes that an answer is there which a rule holds.
    pub(super) fn holds_answer(&mut self, rule: RuleId) {
        if let Some(rule) = self.rules.get_mut(&rule) {
            rule.reached += 1;
        }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.clone()
    }

    /// Notes a request; says what to do to it, by which rule.
    pub(super) fn fault_for(&mut self, request: &Request<Bytes>) -> Option<(RuleId, Fault)> {
        let mut seen = Seen {
            method: request.method().to_string(),
            path: request.uri().to_string(),
            action: rpc::action(request),
            condition: condition(request),
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
