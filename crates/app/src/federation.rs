//! Wiring of federation: signing keys, their published set, trust, inbound links, and the jobs that keep all of it current.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use less_sync_api::{ApiState, KeySetDocument};
use less_sync_auth::federation::KeyId;
use less_sync_core::ErrorChain;
use less_sync_engine::ports::Deployment;
use less_sync_engine::{Clock, InvitationRelay, SpaceRouter, Spawner as _};
use less_sync_federation::inbound::{Inbound, InboundDeps, InboundSettings, PeerTokens};
use less_sync_federation::outbound::timing::OutboundTiming;
use less_sync_federation::outbound::{
    HomeRouter, HomeStore, InvitationSender, Outbound, OutboundDeps, OutboundSettings,
};
use less_sync_federation::own_keys::OwnKeys;
use less_sync_federation::peer_keys::{PeerKeyDeps, PeerKeyLookup};
use less_sync_federation::trust::{Reload, TrustStore};
use less_sync_metrics::Registry;
use less_sync_realtime::{Broker, Endpoint};
use less_sync_storage::{FederationKeys, Storage};
use tokio::sync::Notify;

use crate::clock::SystemRandom;
use crate::config::FederationConfig;
use crate::deployment_jobs::DeploymentJobs;
use crate::key_fragment::default_fragment;
use crate::peer_dialer::PeerDialer;
use crate::peer_fetcher::HttpPeerDocuments;
use crate::peer_transfers::HttpTransfers;
use crate::tasks::{JobOutcome, Tasks};

/// Interval at which the signing keys are loaded again (federation KY-3).
const RELOAD: Duration = Duration::from_mins(1);

/// Interval at which the peers file is looked at (federation TR-6).
const PEERS_FILE: Duration = Duration::from_secs(10);

/// Interval at which the use of remote spaces is noted in the database (federation RT-6).
const ROUTE_USE: Duration = Duration::from_hours(1);

/// Interval at which old signing keys are deleted (operations §4).
const DELETE: Duration = Duration::from_hours(24);

/// Age at which a deactivated signing key is deleted (storage §3.16).
const INACTIVE_AGE: Duration = Duration::from_hours(24 * 30);

/// Federation of a server.
#[derive(Clone)]
pub(crate) struct Federation {
    config: FederationConfig,
    own_keys: Arc<OwnKeys>,
    document: KeySetDocument,
    trust: Arc<TrustStore>,
    inbound: Arc<OnceLock<Arc<Inbound>>>,
    outbound: Arc<OnceLock<Arc<Outbound>>>,
    router: Arc<OnceLock<Arc<HomeRouter>>>,
    /// Other nodes of the deployment.
    deployment: Arc<OnceLock<Arc<dyn Deployment>>>,
}

impl Federation {
    /// Loads the signing keys, after making a first one for `FEDERATION_DOMAIN` if needed (federation KY-8).
    pub(crate) async fn open(
        config: &FederationConfig,
        storage: Arc<dyn FederationKeys>,
        clock: &dyn Clock,
    ) -> anyhow::Result<Self> {
        let own_keys = OwnKeys::load(storage, config.sealing.clone(), config.kid_form).await?;
        if let Some(domain) = &config.domain {
            let key_id = KeyId::own(domain, &default_fragment(clock)).context("cannot name a signing key")?;
            own_keys.ensure(domain, &key_id, (rand::random(), rand::random())).await?;
        }
        let federation = Self {
            config: config.clone(),
            own_keys: Arc::new(own_keys),
            document: KeySetDocument::default(),
            trust: Arc::new(TrustStore::load(config.trust.source.clone())?),
            inbound: Arc::default(),
            outbound: Arc::default(),
            router: Arc::default(),
            deployment: Arc::default(),
        };
        federation.publish();
        Ok(federation)
    }

    /// Announces changes to the other nodes of `deployment` from now on, and returns the receiver of theirs. However many come,
    /// one load runs at a time.
    pub(crate) fn join(&self, deployment: Arc<dyn Deployment>, tasks: &Tasks) -> Box<dyn Fn() + Send + Sync> {
        let _joined_before = self.deployment.set(deployment);
        let (federation, due) = (self.clone(), Arc::new(Notify::new()));
        let told = due.clone();
        tasks.spawn_job("trust of other nodes", move |draining| {
            let (federation, due) = (federation.clone(), due.clone());
            let reload = async move {
                loop {
                    due.notified().await;
                    // Not announced again: the node that finds a change announces it to all others.
                    federation.apply_trust(federation.trust.reload());
                    federation.load_keys().await;
                }
            };
            async move {
                tokio::select! {
                    () = draining => {}
                    () = reload => {}
                }
            }
        });
        Box::new(move || told.notify_one())
    }

    /// Published key set.
    pub(crate) fn key_set(&self) -> KeySetDocument {
        self.document.clone()
    }

    /// Deliverer of invitations to other servers.
    pub(crate) fn relay(&self, clock: &Arc<dyn Clock>, tasks: &Tasks) -> Arc<dyn InvitationRelay> {
        Arc::new(InvitationSender::new(self.outbound(clock, tasks).clone()))
    }

    /// Router of spaces that other servers hold.
    pub(crate) fn router(
        &self,
        (storage, broker): (&Arc<dyn Storage>, &Arc<Broker>),
        clock: &Arc<dyn Clock>,
        tasks: &Tasks,
    ) -> Arc<dyn SpaceRouter> {
        let store = HomeStore { routes: storage.clone(), hints: storage.clone() };
        let outbound = self.outbound(clock, tasks).clone();
        let router = || HomeRouter::new(outbound, Arc::new(SystemRandom), store, broker.clone());
        self.router.get_or_init(router).clone()
    }

    /// Links to other servers.
    fn outbound(&self, clock: &Arc<dyn Clock>, tasks: &Tasks) -> &Arc<Outbound> {
        let trust = &self.config.trust;
        let deps = || OutboundDeps {
            trust: self.trust.clone(),
            own_keys: self.own_keys.clone(),
            dialer: Arc::new(PeerDialer::new(trust.allow_private_networks, trust.ca_file.clone())),
            transfers: Arc::new(HttpTransfers::new(trust.allow_private_networks, trust.ca_file.clone())),
            fetcher: Arc::new(HttpPeerDocuments::new(trust.allow_private_networks, trust.ca_file.clone())),
            clock: clock.clone(),
            spawner: Arc::new(tasks.clone()),
            random: Arc::new(SystemRandom),
            timing: Arc::new(OutboundTiming::default()),
        };
        let settings = || OutboundSettings {
            own_peer: self.config.domain.as_ref().map(|domain| domain.peer().clone()),
            has_presence: self.config.has_presence,
        };
        self.outbound.get_or_init(|| Outbound::new(deps(), settings()))
    }

    /// Routes for other servers. Their metrics are registered when a server is trusted at the start (federation BO-8).
    pub(crate) fn routes(
        &self,
        (endpoint, api): (&Arc<Endpoint>, &ApiState),
        (clock, tasks): (&Arc<dyn Clock>, &Tasks),
        metrics: &mut Registry,
    ) -> Router {
        let trust = &self.config.trust;
        let keys = PeerKeyLookup::new(PeerKeyDeps {
            trust: self.trust.clone(),
            fetcher: Arc::new(HttpPeerDocuments::new(trust.allow_private_networks, trust.ca_file.clone())),
            clock: clock.clone(),
            spawner: Arc::new(tasks.clone()),
            random: Arc::new(SystemRandom),
            has_discovery: trust.has_discovery,
        });
        let tokens = self.config.home.tokens();
        let tokens = tokens.map(|tokens| PeerTokens::new(tokens, clock.clone(), Arc::new(SystemRandom)));
        let deps = InboundDeps {
            trust: self.trust.clone(),
            keys: Arc::new(keys),
            own_keys: self.own_keys.clone(),
            endpoint: endpoint.clone(),
            tokens: tokens.map(Arc::new),
            clock: clock.clone(),
        };
        let settings = InboundSettings {
            signatures: trust.signatures.clone(),
            max_connections: trust.max_connections,
            quotas: self.config.home.quotas,
            status_scope: self.config.home.status_scope.clone(),
            has_discovery: trust.has_discovery,
            has_presence: self.config.has_presence,
            own_peer: self.config.domain.as_ref().map(|domain| domain.peer().clone()),
        };
        let inbound = self.inbound.get_or_init(|| Inbound::new(deps, settings));
        if self.trust.snapshot().accepts_links(trust.has_discovery) {
            inbound.register_metrics(metrics);
        }
        let outbound = self.outbound(clock, tasks);
        if outbound.is_enabled() {
            outbound.register_metrics(metrics);
        }
        let of_health = inbound.clone();
        api.health_section().set("federation", move || of_health.health());
        let files = inbound.require_signature(less_sync_api::forwarded_files(api));
        inbound.router().merge(files).merge(less_sync_api::require_bearer(inbound.status_router(), api))
    }

    /// Starts the jobs of federation.
    pub(crate) fn spawn_jobs(
        &self,
        (tasks, jobs): (&Tasks, &DeploymentJobs),
        storage: &Arc<dyn FederationKeys>,
    ) {
        if let Some(outbound) = self.outbound.get().cloned() {
            let stopping = tasks.clone();
            let close = async move {
                stopping.draining().await;
                outbound.shut_down().await;
            };
            tasks.spawn("federation link shutdown", Box::pin(close));
        }
        if let Some(router) = self.router.get().cloned() {
            tasks.spawn_periodic("federation route use", ROUTE_USE, move || note_interest(router.clone()));
        }
        let federation = self.clone();
        tasks.spawn_periodic("federation key reload", RELOAD, move || {
            let federation = federation.clone();
            async move { federation.reload_keys().await }
        });
        let federation = self.clone();
        if self.config.trust.source.file.is_some() {
            tasks.spawn_periodic("federation peers file", PEERS_FILE, move || {
                let federation = federation.clone();
                async move { federation.announce_trust(federation.trust.reload_if_modified()) }
            });
        }
        let storage = storage.clone();
        jobs.spawn("federation key deletion", DELETE, move || delete_old_keys(storage.clone()));
    }

    /// Loads the signing keys and the peers file again, in the background (SIGHUP).
    pub(crate) fn reload(&self, tasks: &Tasks) {
        let federation = self.clone();
        let reload = async move {
            let _logged =
                (federation.announce_trust(federation.trust.reload()), federation.reload_keys().await);
        };
        tasks.spawn("federation reload", Box::pin(reload));
    }

    async fn reload_keys(&self) -> JobOutcome {
        match self.load_keys().await {
            Some(true) => self.announce(),
            Some(false) => {}
            None => return JobOutcome::Failed,
        }
        JobOutcome::Ok
    }

    /// Loads the signing keys again. True: others than before; `None`: failed.
    async fn load_keys(&self) -> Option<bool> {
        match self.own_keys.reload().await {
            Ok(has_changed) => {
                if has_changed {
                    self.publish();
                }
                Some(has_changed)
            }
            Err(error) => {
                tracing::error!(error = %ErrorChain(&error), "failed to load the federation keys");
                None
            }
        }
    }

    /// Applies what this node has learned, and tells the others.
    fn announce_trust(&self, reload: Reload) -> JobOutcome {
        if reload == Reload::Changed {
            self.announce();
        }
        self.apply_trust(reload)
    }

    fn announce(&self) {
        if let Some(deployment) = self.deployment.get() {
            deployment.trust_changed();
        }
    }

    /// Applies a reloaded peers file to the open links (federation TR-7).
    fn apply_trust(&self, reload: Reload) -> JobOutcome {
        if reload == Reload::Changed {
            if let Some(inbound) = self.inbound.get() {
                inbound.enforce_trust();
            }
            if let Some(outbound) = self.outbound.get() {
                outbound.enforce_trust();
            }
        }
        JobOutcome::of(&if reload == Reload::Rejected { Err(()) } else { Ok(()) })
    }

    fn publish(&self) {
        self.document.replace(self.own_keys.document());
    }
}

impl std::fmt::Debug for Federation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Federation").field("config", &self.config).finish_non_exhaustive()
    }
}

async fn note_interest(router: Arc<HomeRouter>) -> JobOutcome {
    let noted = router.note_interest().await;
    if let Err(error) = &noted {
        tracing::warn!(error = %ErrorChain(error), "failed to note the use of remote spaces");
    }
    JobOutcome::of(&noted)
}

async fn delete_old_keys(storage: Arc<dyn FederationKeys>) -> JobOutcome {
    let deleted = storage.delete_inactive_keys(INACTIVE_AGE).await;
    match &deleted {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "old federation keys deleted"),
        Err(error) => tracing::warn!(error = %ErrorChain(error), "failed to delete old federation keys"),
    }
    JobOutcome::of(&deleted)
}
