//! Adapters, use cases and edges, put together from a configuration.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use less_sync_api::{ApiState, Draining};
use less_sync_auth::TrustedIssuer;
use less_sync_auth::jwks::cache::CacheTimes;
use less_sync_engine::{Authenticator, Clock, Engine, EngineDeps, Files, KeySetDeps, KeySetSource, Random};
use less_sync_realtime::{Broker, BrokerSettings, Endpoint, MailboxNotices, PositionCheck, PresenceSweep};
use less_sync_storage::Blobs;

use crate::blobs;
use crate::clock::SystemRandom;
use crate::config::{Config, TokenConfig};
use crate::dev::DevIssuer;
use crate::key_sets::HttpKeySets;
use crate::purge;
use crate::store::Store;
use crate::tasks::Tasks;

/// What the parts of a server share with each other.
pub(crate) struct Ports {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tasks: Tasks,
    pub(crate) draining: Draining,
    /// Instead of the network.
    pub(crate) key_sets: Option<Arc<dyn KeySetSource>>,
}

/// The parts of a server.
pub(crate) struct Built {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) router: Router,
    pub(crate) api: ApiState,
    pub(crate) dev_issuer: Option<Arc<DevIssuer>>,
}

/// Where the data lives.
pub(crate) struct Stores {
    pub(crate) database: Store,
    /// None where there are no files.
    pub(crate) blobs: Option<Arc<dyn Blobs>>,
}

/// Puts a server together that will be found at `address`.
pub(crate) fn build(
    config: &Config,
    stores: &Stores,
    address: SocketAddr,
    ports: &Ports,
) -> anyhow::Result<Built> {
    let dev_issuer = dev_issuer(config, address, ports)?;
    let authenticator = Arc::new(authenticator(&config.tokens, dev_issuer.as_ref(), ports)?);
    // From here on nothing fails, so whatever is started stays with a server.
    authenticator.prefetch();
    let store = &stores.database;
    let broker =
        Broker::new(BrokerSettings::new(&config.limits.realtime, rand::random()), ports.clock.clone());
    let engine = Arc::new(engine(config, store, &broker, ports));
    jobs(config, store, &broker, ports);
    let files = stores.blobs.clone().map(|blobs| files(config, &engine, blobs, ports));
    let api = api(config, store, authenticator.clone(), files, ports);
    let endpoint = endpoint(config, engine, broker, authenticator, ports);
    let mut routes = less_sync_api::router(&api).merge(endpoint.router());
    if let Some(issuer) = &dev_issuer {
        routes = routes.merge(issuer.router());
    }
    Ok(Built { endpoint, router: less_sync_api::layers(routes, &api), api, dev_issuer })
}

fn dev_issuer(config: &Config, address: SocketAddr, ports: &Ports) -> anyhow::Result<Option<Arc<DevIssuer>>> {
    let Some(directory) = &config.development else { return Ok(None) };
    let issuer = DevIssuer::open(directory, address, &config.tokens.rules, ports.clock.clone())?;
    Ok(Some(Arc::new(issuer)))
}

fn authenticator(
    tokens: &TokenConfig,
    dev_issuer: Option<&Arc<DevIssuer>>,
    ports: &Ports,
) -> anyhow::Result<Authenticator> {
    let (issuers, source) = issuers(tokens, dev_issuer, ports)?;
    let times =
        CacheTimes { fresh: tokens.keys_fresh_for, usable: tokens.keys_stale_for, ..CacheTimes::default() };
    let deps = KeySetDeps {
        source,
        clock: ports.clock.clone(),
        spawner: Arc::new(ports.tasks.clone()),
        random: random(),
    };
    Ok(Authenticator::with_times(issuers, tokens.rules.clone(), times, deps))
}

fn random() -> Arc<dyn Random> {
    Arc::new(SystemRandom)
}

/// Whom to trust, and where to ask for their keys.
fn issuers(
    tokens: &TokenConfig,
    dev_issuer: Option<&Arc<DevIssuer>>,
    ports: &Ports,
) -> anyhow::Result<(Vec<TrustedIssuer>, Arc<dyn KeySetSource>)> {
    if let Some(issuer) = dev_issuer {
        return Ok((vec![issuer.trusted()?], issuer.clone()));
    }
    let source = ports.key_sets.clone().unwrap_or_else(|| Arc::new(HttpKeySets::default()));
    Ok((tokens.issuers.clone(), source))
}

fn engine(config: &Config, store: &Store, broker: &Arc<Broker>, ports: &Ports) -> Engine {
    let key = config.identity.hash_key.clone();
    if key.is_none() && config.development.is_none() {
        tracing::warn!(
            "IDENTITY_HASH_KEY is unset: each process counts the actions of users for itself, in memory"
        );
    }
    let deps = EngineDeps {
        storage: store.storage(),
        events: broker.clone(),
        clock: ports.clock.clone(),
        random: random(),
    };
    Engine::new(deps, key, config.limits.engine)
}

fn files(config: &Config, engine: &Arc<Engine>, blobs: Arc<dyn Blobs>, ports: &Ports) -> Files {
    let spawner = Arc::new(ports.tasks.clone());
    let files = Files::new(engine.clone(), blobs, spawner, config.files.settings);
    blobs::spawn_sweeper(&files, &ports.tasks);
    files
}

fn endpoint(
    config: &Config,
    engine: Arc<Engine>,
    broker: Arc<Broker>,
    authenticator: Arc<Authenticator>,
    ports: &Ports,
) -> Arc<Endpoint> {
    Endpoint::new(less_sync_realtime::Parts {
        engine,
        authenticator,
        broker,
        clock: ports.clock.clone(),
        spawner: Arc::new(ports.tasks.clone()),
        limits: config.limits.realtime.clone(),
    })
}

fn api(
    config: &Config,
    store: &Store,
    authenticator: Arc<Authenticator>,
    files: Option<Files>,
    ports: &Ports,
) -> ApiState {
    ApiState::new(less_sync_api::Deps {
        authenticator,
        storage: store.storage(),
        files,
        clock: ports.clock.clone(),
        spawner: Arc::new(ports.tasks.clone()),
        draining: ports.draining.clone(),
        cors: config.server.cors.clone(),
        metadata: config.metadata.clone(),
        random: random(),
    })
}

/// Background jobs (operations §4). The listener is bound by now, so two servers on one port never run them twice.
fn jobs(config: &Config, store: &Store, broker: &Arc<Broker>, ports: &Ports) {
    let limits = &config.limits.realtime;
    let (every, interval) = (limits.presence_sweep, limits.position_check);
    let shared = (broker.clone(), ports.clock.clone());
    ports.tasks.spawn_job("presence sweep", move |draining| {
        let (broker, clock) = shared.clone();
        PresenceSweep { broker, clock, every }.run(draining)
    });
    let shared = (broker.clone(), store.storage(), ports.clock.clone());
    ports.tasks.spawn_job("position check", move |draining| {
        let (broker, spaces, clock) = shared.clone();
        PositionCheck { broker, spaces, clock, interval }.run(draining)
    });
    let shared = (broker.clone(), ports.clock.clone());
    ports.tasks.spawn_job("mailbox notices", move |draining| {
        let (broker, clock) = shared.clone();
        MailboxNotices { broker, clock }.run(draining)
    });
    purge::spawn(config, &ports.tasks, &store.storage());
    store.spawn_upkeep(&ports.tasks);
}
