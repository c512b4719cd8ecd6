//! A proxy in front of services, which makes requests and responses fail as networks do.

mod answers;
mod rules;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;

use self::rules::Rules;
pub use self::rules::{Fault, Rule, RuleId, Seen};
use super::http::{Answer, Failed, Server, collected, full};

/// A running proxy. It stops when it is dropped.
pub struct Proxy {
    /// Its URL, for clients to use instead of the service's.
    pub endpoint: String,
    _server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    /// The services, each with what the paths of its requests begin with.
    upstreams: Vec<(String, String)>,
    rules: Mutex<Rules>,
    /// Notified of every request, and of every one that a service has answered.
    seen: Condvar,
    /// The number of requests that no rule acts on and that a service has not answered yet. Changed under the lock of
    /// the rules.
    forwarding: AtomicUsize,
    /// Changes when held requests and responses are released.
    held: watch::Sender<()>,
}

impl Proxy {
    /// Starts a proxy of the service at this URL. Without rules, it only forwards.
    pub fn start(upstream: &str) -> Self {
        Self::start_for(&[("/", upstream)])
    }

    /// Starts a proxy of several services, so that a rule can count the requests to all of them. A request goes to the first
    /// one whose path it begins with.
    pub fn start_for(upstreams: &[(&str, &str)]) -> Self {
        let upstreams = upstreams.iter().map(|(path, upstream)| {
            let address = upstream.trim_start_matches("http://");
            ((*path).to_owned(), address.to_owned())
        });
        let shared = Arc::new(Shared {
            upstreams: upstreams.collect(),
            rules: Mutex::new(Rules::default()),
            seen: Condvar::new(),
            forwarding: AtomicUsize::new(0),
            held: watch::Sender::new(()),
        });
        let serving = Arc::clone(&shared);
        let server = Server::start(move |request| {
            let shared = Arc::clone(&serving);
            async move { shared.serve(request).await }
        });
        Self {
            endpoint: server.endpoint().to_owned(),
            _server: server,
            shared,
        }
    }

    /// Adds a rule. If several rules match a request, the oldest one acts.
    pub fn add(&self, rule: Rule) -> RuleId {
        self.shared.rules.lock().unwrap().add(rule)
    }

    /// Removes a rule and returns the number of requests that it has acted on.
    pub fn remove(&self, rule: RuleId) -> usize {
        self.shared.rules.lock().unwrap().remove(rule)
    }

    /// Forgets the requests so far, for a test with too many to keep.
    pub fn forget_seen(&self) {
        self.shared.rules.lock().unwrap().forget_seen();
    }

    /// Removes all rules; their counts stay.
    pub fn remove_rules(&self) {
        self.shared.rules.lock().unwrap().remove_rules();
    }

    /// Releases all requests and responses that are held now.
    pub fn release_held(&self) {
        self.shared.held.send_replace(());
    }

    /// The number of requests that a rule has acted on.
    pub fn hits(&self, rule: RuleId) -> usize {
        self.shared.rules.lock().unwrap().hits(rule)
    }

    /// Blocks the thread until a rule has acted on this many requests and its held responses have
    /// arrived. Returns `false` after `timeout`.
    pub fn wait_for_hits(&self, rule: RuleId, hits: usize, timeout: Duration) -> bool {
        let rules = self.shared.rules.lock().unwrap();
        let few = |rules: &mut Rules| rules.reached(rule) < hits;
        let waited = self.shared.seen.wait_timeout_while(rules, timeout, few);
        !waited.unwrap().1.timed_out()
    }

    /// Blocks the thread until the services have answered every request that no rule acts on. Returns `false` after
    /// `timeout`. If a rule holds all further requests, nothing changes in the services from then on.
    pub fn wait_until_answered(&self, timeout: Duration) -> bool {
        let rules = self.shared.rules.lock().unwrap();
        let forwards = |_: &mut Rules| self.shared.forwarding.load(Ordering::SeqCst) > 0;
        let waited = self
            .shared
            .seen
            .wait_timeout_while(rules, timeout, forwards);
        !waited.unwrap().1.timed_out()
    }

    /// All requests, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.rules.lock().unwrap().seen()
    }

    /// The number of requests that were only forwarded.
    pub fn untouched(&self) -> usize {
        let seen = self.seen().into_iter();
        seen.filter(|seen| seen.fault.is_none()).count()
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let request = Request::from_parts(head, collected(body).await?);
        let mut held = self.held.subscribe();
        let (found, forwarding) = {
            let mut rules = self.rules.lock().unwrap();
            let found = rules.fault_for(&request);
            // Counted under the lock, so that no request is between a rule and the count.
            let forwarding = found.is_none().then(|| Forwarding::new(&self));
            (found, forwarding)
        };
        self.seen.notify_all();
        let request = request.map(Full::new);
        let Some((rule, fault)) = found else {
            let answer = forwarded(self.forward(request).await?);
            drop(forwarding);
            return answer;
        };
        match fault {
            Fault::ResetBefore => Err("closed before the request was forwarded".into()),
            Fault::Status(status, body) => {
                Ok(Response::builder().status(status).body(full(body))?)
            }
            Fault::Hang(pause) => {
                tokio::time::sleep(pause).await;
                forwarded(self.forward(request).await?)
            }
            Fault::Hold => {
                held.changed().await?;
                forwarded(self.forward(request).await?)
            }
            Fault::HoldAnswer => {
                let answer = forwarded(self.forward(request).await?);
                self.rules.lock().unwrap().holds_answer(rule);
                self.seen.notify_all();
                held.changed().await?;
                answer
            }
            Fault::ResetAfter => {
                self.forward(request).await?.into_body().collect().await?;
                Err("closed in place of an answer".into())
            }
            Fault::StatusAfter(status, body) => {
                self.forward(request).await?.into_body().collect().await?;
                Ok(Response::builder().status(status).body(full(body))?)
            }
            Fault::SlowBody { bytes, pause } => {
                answers::slow(self.forward(request).await?, bytes, pause).await
            }
            Fault::TruncateBody(bytes) => {
                answers::truncated(self.forward(request).await?, bytes).await
            }
            Fault::DamageBody => answers::damaged(self.forward(request).await?).await,
        }
    }

    /// Forwards a request unchanged: its signature covers the header `Host`, which names the proxy.
    async fn forward(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failed> {
        let path = request.uri().path();
        let mut upstreams = self.upstreams.iter();
        let upstream = upstreams.find(|(prefix, _)| path.starts_with(prefix.as_str()));
        let (_, upstream) = upstream.ok_or("no service has this path")?;
        let stream = TcpStream::connect(upstream).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?)
    }
}

/// One request that no rule acts on and that a service has not answered yet.
struct Forwarding(Arc<Shared>);

impl Forwarding {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.forwarding.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        let rules = self.0.rules.lock().unwrap();
        self.0.forwarding.fetch_sub(1, Ordering::SeqCst);
        drop(rules);
        self.0.seen.notify_all();
    }
}

fn forwarded(response: Response<Incoming>) -> Answer {
    Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
}
