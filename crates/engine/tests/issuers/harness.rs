//! Harness: scripted issuers, a manual clock, and tasks that end with the test.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use less_sync_auth::issuer::{IssuerKey, jwks_document};
use less_sync_auth::{Caller, TokenError, TokenRules, TrustedIssuer};
use less_sync_core::Timestamp;
use less_sync_engine::{
    Authenticator, Clock, FetchMode, FetchedKeySet, IssuerGate, Job, KeySetDeps, KeySetError, KeySetSource,
    Random, Spawner,
};
use less_sync_storage::IssuerBindings;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

pub(crate) const A: &str = "https://a.example";
pub(crate) const B: &str = "https://b.example";

const EPOCH: i64 = 1_767_225_600;

/// Two scripted issuers and an authenticator that trusts them.
pub(crate) struct Harness {
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) issuers: Arc<Issuers>,
    pub(crate) clock: ManualClock,
    pub(crate) tasks: Arc<Tasks>,
}

impl Harness {
    pub(crate) fn new() -> Self {
        Self::with_random(|| 1 << 127)
    }

    /// A harness whose authenticator admits ids by `bindings`.
    pub(crate) fn gated(bindings: Arc<dyn IssuerBindings>) -> Self {
        Self::build(|| 1 << 127, Some(bindings))
    }

    /// A harness whose jitter is drawn from `random`.
    pub(crate) fn with_random(random: impl Random + 'static) -> Self {
        Self::build(random, None)
    }

    fn build(random: impl Random + 'static, bindings: Option<Arc<dyn IssuerBindings>>) -> Self {
        let issuers = Arc::new(Issuers::default());
        let clock = ManualClock::new();
        let tasks = Arc::new(Tasks::default());
        let trusted = TrustedIssuer::parse_list(&format!("{A} {B}")).unwrap();
        let deps = KeySetDeps {
            source: issuers.clone(),
            clock: Arc::new(clock.clone()),
            spawner: tasks.clone(),
            random: Arc::new(random),
        };
        let mut authenticator = Authenticator::new(trusted, TokenRules::default(), &deps);
        if let Some(bindings) = bindings {
            authenticator = authenticator.with_gate(IssuerGate::new(bindings, deps.clock.clone()));
        }
        Self { authenticator: Arc::new(authenticator), issuers, clock, tasks }
    }

    /// A token of `issuer`, valid now, signed with the key called `kid`.
    pub(crate) fn token(&self, issuer: &str, kid: &str) -> String {
        let exp = self.clock.now().seconds() + 900;
        key(kid).sign(&json!({ "iss": issuer, "sub": "user-1", "client_id": "notes", "exp": exp }))
    }

    /// A token of `issuer` with the key `a` and these claims beside the ordinary ones.
    pub(crate) fn token_with(&self, issuer: &str, extra: &Value) -> String {
        let exp = self.clock.now().seconds() + 900;
        let mut claims = json!({ "iss": issuer, "sub": "user-1", "client_id": "notes", "exp": exp });
        claims.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        key("a").sign(&claims)
    }

    /// As [`Self::authenticate`], with a token without a key id.
    pub(crate) async fn authenticate_nameless(&self, issuer: &str, kid: &str) -> Result<Caller, TokenError> {
        let exp = self.clock.now().seconds() + 900;
        let claims = json!({ "iss": issuer, "sub": "user-1", "client_id": "notes", "exp": exp });
        let token = key(kid).sign_with_header(&json!({ "alg": "ES256" }), &claims);
        self.authenticator.authenticate(&token).await
    }

    pub(crate) async fn authenticate(&self, issuer: &str, kid: &str) -> Result<Caller, TokenError> {
        self.authenticator.authenticate(&self.token(issuer, kid)).await
    }

    /// Starts a client that authenticates in a task of its own.
    pub(crate) fn start(&self, clients: &mut JoinSet<Result<Caller, TokenError>>, issuer: &str, kid: &str) {
        let (authenticator, token) = (self.authenticator.clone(), self.token(issuer, kid));
        clients.spawn(async move { authenticator.authenticate(&token).await });
    }

    pub(crate) async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        settle().await;
    }
}

/// Lets every task run until all of them wait. The runtime has one thread and runs tasks in turn.
pub(crate) async fn settle() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}

/// The key named `kid`, the same for every issuer.
pub(crate) fn key(kid: &str) -> IssuerKey {
    let mut secret = [1; 32];
    secret.iter_mut().skip(1).zip(kid.bytes()).for_each(|(byte, letter)| *byte = letter);
    IssuerKey::from_bytes(kid, &secret).unwrap()
}

/// Behaviour of the key set endpoint of an issuer.
#[derive(Clone)]
pub(crate) enum Endpoint {
    Serves(&'static [&'static str]),
    ServesFor(Duration, &'static [&'static str]),
    ServesNonsense,
    Fails,
    Hangs,
    Panics,
}

/// The endpoints of all issuers. While held, fetches stay in flight.
#[derive(Default)]
pub(crate) struct Issuers {
    endpoints: Mutex<HashMap<Url, Endpoint>>,
    held: watch::Sender<bool>,
    fetches: Mutex<Vec<(Url, FetchMode)>>,
}

impl Issuers {
    pub(crate) fn set(&self, issuer: &str, endpoint: Endpoint) {
        self.endpoints.lock().insert(key_set_url(issuer), endpoint);
    }

    pub(crate) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// Number of requests to the endpoint of `issuer`.
    pub(crate) fn fetches(&self, issuer: &str) -> usize {
        self.modes(issuer).len()
    }

    pub(crate) fn modes(&self, issuer: &str) -> Vec<FetchMode> {
        let url = key_set_url(issuer);
        self.fetches.lock().iter().filter(|(asked, _)| *asked == url).map(|(_, mode)| *mode).collect()
    }
}

fn key_set_url(issuer: &str) -> Url {
    format!("{issuer}/.well-known/jwks.json").parse().unwrap()
}

fn document(kids: &[&str], max_age: Option<Duration>) -> FetchedKeySet {
    let keys: Vec<_> = kids.iter().map(|kid| key(kid)).collect();
    FetchedKeySet { body: jwks_document(&keys).to_string().into(), max_age }
}

#[async_trait]
impl KeySetSource for Issuers {
    async fn fetch(&self, url: &Url, mode: FetchMode) -> Result<FetchedKeySet, KeySetError> {
        self.fetches.lock().push((url.clone(), mode));
        let _ = self.held.subscribe().wait_for(|held| !held).await;
        let endpoint = self.endpoints.lock().get(url).cloned();
        match endpoint.unwrap_or(Endpoint::Fails) {
            Endpoint::Serves(kids) => Ok(document(kids, None)),
            Endpoint::ServesFor(max_age, kids) => Ok(document(kids, Some(max_age))),
            Endpoint::ServesNonsense => Ok(FetchedKeySet { body: "<html>".into(), max_age: None }),
            Endpoint::Fails => Err(KeySetError::Status(500)),
            Endpoint::Hangs => std::future::pending().await,
            Endpoint::Panics => panic!("scripted panic"),
        }
    }
}

/// Tasks that end with the test. After [`Tasks::stop`], new tasks are dropped unpolled.
#[derive(Default)]
pub(crate) struct Tasks {
    running: Mutex<JoinSet<()>>,
    stopped: Mutex<bool>,
}

impl Tasks {
    pub(crate) fn stop(&self) {
        *self.stopped.lock() = true;
    }
}

impl Spawner for Tasks {
    fn spawn(&self, _name: &'static str, job: Job) {
        if !*self.stopped.lock() {
            self.running.lock().spawn(job);
        }
    }

    fn spawn_to_completion(&self, name: &'static str, job: Job) {
        self.spawn(name, job);
    }
}

/// Wall-clock and monotonic time, advanced by the test only.
#[derive(Clone)]
pub(crate) struct ManualClock {
    start: Instant,
    passed: watch::Sender<Duration>,
}

impl ManualClock {
    #[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
    fn new() -> Self {
        Self { start: Instant::now(), passed: watch::Sender::new(Duration::ZERO) }
    }

    fn advance(&self, by: Duration) {
        self.passed.send_modify(|passed| *passed += by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(EPOCH).plus(*self.passed.borrow())
    }

    fn instant(&self) -> Instant {
        self.start + *self.passed.borrow()
    }

    fn sleep_until(&self, at: Instant) -> Job {
        let (start, mut passed) = (self.start, self.passed.subscribe());
        Box::pin(async move {
            let _ = passed.wait_for(|passed| start + *passed >= at).await;
        })
    }
}

/// Result of `work`, which must be ready at the first poll.
pub(crate) async fn at_once<T>(work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|context| match work.as_mut().poll(context) {
        std::task::Poll::Ready(done) => std::task::Poll::Ready(done),
        std::task::Poll::Pending => panic!("not ready at the first poll"),
    })
    .await
}
