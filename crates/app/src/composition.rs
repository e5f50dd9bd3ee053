//! Composition root: adapters, use cases and edges of a server, built from its configuration.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use less_sync_api::{ApiState, Draining, KeySetDocument};
use less_sync_auth::TrustedIssuer;
use less_sync_auth::jwks::cache::CacheTimes;
use less_sync_disk::DirectorySync;
use less_sync_engine::{
    Authenticator, Clock, Denials, Engine, EngineDeps, Files, InvitationRelay, IssuerGate, KeySetDeps,
    KeySetSource, MeasuredStorage, Random, SpaceRouter,
};
use less_sync_metrics::Registry;
use less_sync_realtime::{
    Broker, BrokerSettings, Endpoint, MailboxNotifier, NodeEvents, PositionCheck, PresenceSweep,
    RemoteChanges,
};
use less_sync_storage::{Blobs, FederationKeys, Storage};

use crate::blobs;
use crate::clock::SystemRandom;
use crate::config::{Config, DidIssuers, TokenConfig};
use crate::deployment::DeploymentNode;
use crate::deployment_jobs::DeploymentJobs;
use crate::dev::{DevIssuer, PageGuard, playground};
use crate::federation::Federation;
use crate::key_sets::HttpKeySets;
use crate::listen::Tls;
use crate::process_metrics;
use crate::purge;
use crate::rewraps;
use crate::store::Store;
use crate::tasks::Tasks;

/// Interval at which the sizes of queues are sampled (operations §4).
const GAUGES: Duration = Duration::from_secs(10);

/// Dependencies shared by the components of a server.
pub(crate) struct Deps {
    /// Server among the nodes of its deployment.
    pub(crate) node: DeploymentNode,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tasks: Tasks,
    pub(crate) draining: Draining,
    /// Key set source of tests; default: HTTP.
    pub(crate) key_sets: Option<Arc<dyn KeySetSource>>,
    pub(crate) directory_sync: DirectorySync,
    pub(crate) version: &'static str,
    /// TLS of the listener; `None`: none.
    pub(crate) tls: Option<Arc<Tls>>,
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
    federation: &Federation,
    deps: &Deps,
) -> anyhow::Result<Components> {
    let dev_issuer = dev_issuer(config, address, deps)?;
    let measured = MeasuredStorage::new(stores.database.storage(), deps.clock.clone());
    let storage: Arc<dyn Storage> = Arc::new(measured.clone());
    let authenticator = Arc::new(authenticator(config, &storage, dev_issuer.as_ref(), deps)?);
    // No step fails from here on: a failed start must not leave background tasks behind.
    authenticator.prefetch();
    let (broker, mailboxes) = receivers(config, deps);
    let homes = (
        federation.relay(&deps.clock, &deps.tasks),
        federation.router((&storage, &broker), &deps.clock, &deps.tasks),
    );
    let engine = Arc::new(engine(config, &storage, (&broker, &mailboxes), homes, deps));
    let shared_jobs = stores.database.deployment_jobs(&deps.tasks, &deps.clock);
    jobs(config, &storage, (&broker, &mailboxes), &shared_jobs, deps);
    stores.database.spawn_maintenance(&deps.tasks);
    let files = stores.blobs.clone().map(|blobs| files(config, &engine, blobs, (&shared_jobs, deps)));
    let mut metrics = Registry::default();
    process_metrics::register(&mut metrics, deps.version);
    if let Some(files) = &files {
        files.register_metrics(&mut metrics);
    }
    measured.register_metrics(&mut metrics);
    stores.database.register_metrics(&mut metrics);
    authenticator.register_metrics(&mut metrics);
    engine.register_metrics(&mut metrics);
    rewraps::spawn(&deps.tasks, &storage, &mut metrics);
    let denials = Arc::<Denials>::default();
    let authentication = (authenticator.clone(), federation.key_set());
    let api = api(config, &storage, authentication, (files, denials.clone()), deps);
    api.register_metrics(&mut metrics);
    let endpoint =
        endpoint(config, engine.clone(), (broker.clone(), mailboxes), (authenticator, denials), deps);
    endpoint.register_metrics(&mut metrics);
    let changes = RemoteChanges::new(broker, engine, storage.clone(), storage.clone());
    let reload_trust = federation.join(deps.node.port(), &deps.tasks);
    let events = NodeEvents { endpoint: endpoint.clone(), changes: changes.clone(), reload_trust };
    deps.node.start((Arc::new(events), changes), &deps.tasks, &mut metrics);
    let sampled = endpoint.clone();
    deps.tasks.spawn_periodic("gauges", GAUGES, move || {
        let endpoint = sampled.clone();
        async move { endpoint.sample_queues() }
    });
    Tls::register_metrics(deps.tls.as_deref(), &mut metrics);
    if let Some(tls) = &deps.tls {
        tls.spawn_reload(&deps.tasks);
    }
    let links = federation.routes((&endpoint, &api), (&deps.clock, &deps.tasks), &mut metrics);
    let keys: Arc<dyn FederationKeys> = storage.clone();
    federation.spawn_jobs((&deps.tasks, &shared_jobs), &keys);
    // Last: the jobs that have started.
    deps.tasks.register_metrics(&mut metrics);
    let routes = less_sync_api::router(&api).merge(links).merge(match &dev_issuer {
        None => endpoint.router().merge(less_sync_api::greeting()),
        Some(issuer) => development_routes(config, &endpoint, issuer),
    });
    Ok(Components { endpoint, router: less_sync_api::layers(routes, &api), api, dev_issuer, metrics })
}

/// Broker and mailbox notices, which tell the other nodes what happens here.
fn receivers(config: &Config, deps: &Deps) -> (Arc<Broker>, Arc<MailboxNotifier>) {
    let settings = BrokerSettings::new(&config.limits.realtime, rand::random());
    let broker = Broker::in_deployment(settings, deps.clock.clone(), deps.node.port());
    let delay = config.limits.realtime.invitation_notice_delay.clone();
    (broker, MailboxNotifier::in_deployment(delay, random(), deps.clock.clone(), deps.node.port()))
}

/// Routes that a web page must not reach in development mode.
fn development_routes(config: &Config, endpoint: &Arc<Endpoint>, issuer: &Arc<DevIssuer>) -> Router {
    let guard = from_fn_with_state(PageGuard::new(&config.server.cors), PageGuard::check);
    endpoint.router().merge(issuer.router()).merge(playground()).layer(guard)
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
    (broker, mailboxes): (&Arc<Broker>, &Arc<MailboxNotifier>),
    (relay, router): (Arc<dyn InvitationRelay>, Arc<dyn SpaceRouter>),
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
        relay,
        router,
        clock: deps.clock.clone(),
        random: random(),
        nodes: deps.node.live(),
    };
    Engine::new(deps, key, config.limits.engine)
}

fn files(
    config: &Config,
    engine: &Arc<Engine>,
    blobs: Arc<dyn Blobs>,
    (jobs, deps): (&DeploymentJobs, &Deps),
) -> Files {
    let spawner = Arc::new(deps.tasks.clone());
    let files = Files::new(engine.clone(), blobs, spawner, config.files.settings);
    blobs::spawn_sweeper(&files, jobs, &deps.tasks);
    files
}

fn endpoint(
    config: &Config,
    engine: Arc<Engine>,
    (broker, mailboxes): (Arc<Broker>, Arc<MailboxNotifier>),
    (authenticator, denials): (Arc<Authenticator>, Arc<Denials>),
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
        denials,
        nodes: deps.node.live(),
        deployment: deps.node.port(),
        limits: config.limits.realtime.clone(),
    })
}

fn api(
    config: &Config,
    storage: &Arc<dyn Storage>,
    (authenticator, key_set): (Arc<Authenticator>, KeySetDocument),
    (files, denials): (Option<Files>, Arc<Denials>),
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
        key_set,
        random: random(),
        denials,
        node: deps.node.status(),
    })
}

/// Starts the background jobs (operations §4). The port is bound by now, so a second server on it fails before its jobs run.
fn jobs(
    config: &Config,
    storage: &Arc<dyn Storage>,
    (broker, mailboxes): (&Arc<Broker>, &Arc<MailboxNotifier>),
    shared_jobs: &DeploymentJobs,
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
    purge::spawn(config, shared_jobs, storage);
}
