//! Composition root: adapters, use cases and edges of a server, built from its configuration.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use less_sync_api::{ApiState, Draining};
use less_sync_auth::TrustedIssuer;
use less_sync_auth::jwks::cache::CacheTimes;
use less_sync_disk::DirectorySync;
use less_sync_engine::{
    Authenticator, Clock, Engine, EngineDeps, Files, IssuerGate, KeySetDeps, KeySetSource, MeasuredStorage,
    Random,
};
use less_sync_metrics::Registry;
use less_sync_realtime::{Broker, BrokerSettings, Endpoint, MailboxNotifier, PositionCheck, PresenceSweep};
use less_sync_storage::{Blobs, Storage};

use crate::blobs;
use crate::clock::SystemRandom;
use crate::config::{Config, DidIssuers, TokenConfig};
use crate::dev::{DevIssuer, PageGuard};
use crate::key_sets::HttpKeySets;
use crate::process_metrics;
use crate::purge;
use crate::store::Store;
use crate::tasks::Tasks;

/// Interval at which the sizes of queues are sampled (operations §4).
const GAUGES: Duration = Duration::from_secs(10);

/// Dependencies shared by the components of a server.
pub(crate) struct Deps {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tasks: Tasks,
    pub(crate) draining: Draining,
    /// Key set source of tests; default: HTTP.
    pub(crate) key_sets: Option<Arc<dyn KeySetSource>>,
    pub(crate) directory_sync: DirectorySync,
    pub(crate) version: &'static str,
}

/// Components of a server.
pub(crate) struct Components {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) router: Router,
    pub(crate) api: ApiState,
    pub(crate) dev_issuer: Option<Arc<DevIssuer>>,
    pub(crate) metrics: Registry,
}

/// Data stores of a server.
pub(crate) struct Stores {
    pub(crate) database: Store,
    /// Object store; `None` without file storage.
    pub(crate) blobs: Option<Arc<dyn Blobs>>,
}

/// Builds the components of the server at `address`, and starts their background jobs.
pub(crate) fn compose(
    config: &Config,
    stores: &Stores,
    address: SocketAddr,
    deps: &Deps,
) -> anyhow::Result<Components> {
    let dev_issuer = dev_issuer(config, address, deps)?;
    let measured = MeasuredStorage::new(stores.database.storage(), deps.clock.clone());
    let storage: Arc<dyn Storage> = Arc::new(measured.clone());
    let authenticator = Arc::new(authenticator(config, &storage, dev_issuer.as_ref(), deps)?);
    // No step fails from here on: a failed start must not leave background tasks behind.
    authenticator.prefetch();
    let broker =
        Broker::new(BrokerSettings::new(&config.limits.realtime, rand::random()), deps.clock.clone());
    let notice_delay = config.limits.realtime.invitation_notice_delay.clone();
    let mailboxes = MailboxNotifier::new(notice_delay, random(), deps.clock.clone());
    let engine = Arc::new(engine(config, &storage, &broker, &mailboxes, deps));
    jobs(config, &storage, &broker, &mailboxes, deps);
    stores.database.spawn_maintenance(&deps.tasks);
    let files = stores.blobs.clone().map(|blobs| files(config, &engine, blobs, deps));
    let mut metrics = Registry::default();
    process_metrics::register(&mut metrics, deps.version);
    if let Some(files) = &files {
        files.register_metrics(&mut metrics);
    }
    measured.register_metrics(&mut metrics);
    stores.database.register_metrics(&mut metrics);
    authenticator.register_metrics(&mut metrics);
    engine.register_metrics(&mut metrics);
    let api = api(config, &storage, authenticator.clone(), files, deps);
    api.register_metrics(&mut metrics);
    let endpoint = endpoint(config, engine, (broker, mailboxes), authenticator, deps);
    endpoint.register_metrics(&mut metrics);
    let sampled = endpoint.clone();
    deps.tasks.spawn_periodic("gauges", GAUGES, move || {
        let endpoint = sampled.clone();
        async move { endpoint.sample_queues() }
    });
    // Last: the jobs that have started.
    deps.tasks.register_metrics(&mut metrics);
    let routes = less_sync_api::router(&api).merge(match &dev_issuer {
        None => endpoint.router(),
        Some(issuer) => development_routes(config, &endpoint, issuer),
    });
    Ok(Components { endpoint, router: less_sync_api::layers(routes, &api), api, dev_issuer, metrics })
}

/// Routes that a web page must not reach in development mode.
fn development_routes(config: &Config, endpoint: &Arc<Endpoint>, issuer: &Arc<DevIssuer>) -> Router {
    let guard = from_fn_with_state(PageGuard::new(&config.server.cors), PageGuard::check);
    endpoint.router().merge(issuer.router()).layer(guard)
}

fn dev_issuer(config: &Config, address: SocketAddr, deps: &Deps) -> anyhow::Result<Option<Arc<DevIssuer>>> {
    let Some(directory) = &config.development else { return Ok(None) };
    let at = (directory.as_path(), &deps.directory_sync);
    let issuer = DevIssuer::open(at, address, &config.tokens.rules, deps.clock.clone())?;
    Ok(Some(Arc::new(issuer)))
}

fn authenticator(
    config: &Config,
    storage: &Arc<dyn Storage>,
    dev_issuer: Option<&Arc<DevIssuer>>,
    deps: &Deps,
) -> anyhow::Result<Authenticator> {
    let tokens = &config.tokens;
    let (issuers, source) = issuers(tokens, dev_issuer, deps)?;
    let gate = IssuerGate::new(storage.clone(), deps.clock.clone());
    let times =
        CacheTimes { fresh: tokens.keys_fresh_for, usable: tokens.keys_stale_for, ..CacheTimes::default() };
    let deps = KeySetDeps {
        source,
        clock: deps.clock.clone(),
        spawner: Arc::new(deps.tasks.clone()),
        random: random(),
    };
    let authenticator = Authenticator::with_times(issuers, tokens.rules.clone(), times, &deps);
    Ok(match tokens.did_issuers {
        DidIssuers::Any => authenticator,
        DidIssuers::First => authenticator.with_gate(gate),
    })
}

fn random() -> Arc<dyn Random> {
    Arc::new(SystemRandom)
}

/// Trusted issuers, and the source of their key sets.
fn issuers(
    tokens: &TokenConfig,
    dev_issuer: Option<&Arc<DevIssuer>>,
    deps: &Deps,
) -> anyhow::Result<(Vec<TrustedIssuer>, Arc<dyn KeySetSource>)> {
    if let Some(issuer) = dev_issuer {
        return Ok((vec![issuer.trusted()?], issuer.clone()));
    }
    let source = deps.key_sets.clone().unwrap_or_else(|| Arc::new(HttpKeySets::default()));
    Ok((tokens.issuers.clone(), source))
}

fn engine(
    config: &Config,
    storage: &Arc<dyn Storage>,
    broker: &Arc<Broker>,
    mailboxes: &Arc<MailboxNotifier>,
    deps: &Deps,
) -> Engine {
    let key = config.identity.hash_key.clone();
    if key.is_none() && config.development.is_none() {
        tracing::warn!("IDENTITY_HASH_KEY is not set: rate limits are counted per process, in memory");
    }
    let deps = EngineDeps {
        storage: storage.clone(),
        events: broker.clone(),
        mailbox_notices: mailboxes.clone(),
        clock: deps.clock.clone(),
        random: random(),
    };
    Engine::new(deps, key, config.limits.engine)
}

fn files(config: &Config, engine: &Arc<Engine>, blobs: Arc<dyn Blobs>, deps: &Deps) -> Files {
    let spawner = Arc::new(deps.tasks.clone());
    let files = Files::new(engine.clone(), blobs, spawner, config.files.settings);
    blobs::spawn_sweeper(&files, &deps.tasks);
    files
}

fn endpoint(
    config: &Config,
    engine: Arc<Engine>,
    (broker, mailboxes): (Arc<Broker>, Arc<MailboxNotifier>),
    authenticator: Arc<Authenticator>,
    deps: &Deps,
) -> Arc<Endpoint> {
    Endpoint::new(less_sync_realtime::EndpointDeps {
        engine,
        authenticator,
        broker,
        mailboxes,
        clock: deps.clock.clone(),
        random: random(),
        spawner: Arc::new(deps.tasks.clone()),
        limits: config.limits.realtime.clone(),
    })
}

fn api(
    config: &Config,
    storage: &Arc<dyn Storage>,
    authenticator: Arc<Authenticator>,
    files: Option<Files>,
    deps: &Deps,
) -> ApiState {
    ApiState::new(less_sync_api::Deps {
        authenticator,
        storage: storage.clone(),
        files,
        clock: deps.clock.clone(),
        spawner: Arc::new(deps.tasks.clone()),
        draining: deps.draining.clone(),
        cors: config.server.cors.clone(),
        metadata: config.metadata.clone(),
        random: random(),
    })
}

/// Starts the background jobs (operations §4). The port is bound by now, so a second server on it fails before its jobs run.
fn jobs(
    config: &Config,
    storage: &Arc<dyn Storage>,
    broker: &Arc<Broker>,
    mailboxes: &Arc<MailboxNotifier>,
    deps: &Deps,
) {
    let limits = &config.limits.realtime;
    let (every, interval) = (limits.presence_sweep, limits.position_check);
    let shared = (broker.clone(), deps.clock.clone());
    deps.tasks.spawn_job("presence sweep", move |draining| {
        let (broker, clock) = shared.clone();
        PresenceSweep { broker, clock, every }.run(draining)
    });
    let shared = (broker.clone(), storage.clone(), deps.clock.clone());
    deps.tasks.spawn_job("position check", move |draining| {
        let (broker, storage, clock) = shared.clone();
        let (spaces, revocations) = (storage.clone(), storage);
        PositionCheck { broker, spaces, revocations, clock, random: random(), interval }.run(draining)
    });
    let mailboxes = mailboxes.clone();
    deps.tasks.spawn_job("mailbox notices", move |draining| {
        let mailboxes = mailboxes.clone();
        async move { mailboxes.run(draining).await }
    });
    purge::spawn(config, &deps.tasks, storage);
}
