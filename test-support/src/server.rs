//! A whole server on a free loopback port, with a database and an issuer of its own.

mod node;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use less_sync_app::config::DatabaseConfig;
use less_sync_app::{Config, Overrides, Server, Sources, SystemClock, Values};
use less_sync_core::SpaceId;
use less_sync_engine::Clock;
use less_sync_engine::ports::FanoutBus;
use less_sync_realtime::Limits;
use tempfile::TempDir;

use crate::log_scan::LogScan;
use crate::postgres::TestDatabase;
use crate::{Behaviour, HttpResponse, Issuer, ManualClock, Member, RawClient, Upgrade, within};
use node::TestBus;
pub use node::TestNode;

/// `postgres` lets servers under test keep their data there instead of in a file.
const STORE: &str = "LESS_TEST_STORE";

/// Minimum time limit of the handshake on real time; only failing tests wait this long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server. Dropping it ends it at once; [`TestServer::drain`] ends it in good order.
#[derive(Debug)]
pub struct TestServer {
    server: Server,
    issuer: Issuer,
    clock: Option<ManualClock>,
    config: Config,
    folder: TempDir,
    /// Dropped after the server.
    database: Option<TestDatabase>,
    /// Dropped last, so that the end of the server is scanned too.
    log: LogScan,
}

/// Data of a server that was killed. Kept until this is dropped.
#[derive(Debug)]
pub struct KilledServer {
    issuer: Issuer,
    clock: Option<ManualClock>,
    config: Config,
    folder: TempDir,
    database: Option<TestDatabase>,
    log: LogScan,
}

impl KilledServer {
    /// Starts a server for the same issuer on the database and the file storage of `settings`.
    pub async fn start_on(self, settings: &[(String, String)]) -> TestServer {
        let Self { issuer, clock, mut config, folder, database, log } = self;
        let required = [("LISTEN_ADDR", "127.0.0.1:0".to_owned()), ("TRUSTED_ISSUERS", issuer.url())];
        let required = required.map(|(name, value)| (name.to_owned(), value));
        let settings: Values = required.into_iter().chain(settings.iter().cloned()).collect();
        let other = Config::read(&Sources::from_environment(settings)).expect("a valid configuration");
        (config.database, config.files) = (other.database, other.files);
        let server = Box::pin(run(config.clone(), clock.as_ref())).await;
        TestServer { server, issuer, clock, config, folder, database, log }
    }
}

/// Store of a server under test.
#[derive(Clone, Copy, Debug, Default)]
enum TestStore {
    /// Store of the whole run, see [`STORE`].
    #[default]
    Chosen,
    Embedded,
    Postgres,
}

/// Builder of a server whose settings differ from the defaults.
#[derive(Debug, Default)]
pub struct TestServerBuilder {
    settings: Values,
    limits: Limits,
    manual_clock: bool,
    other_issuers: Vec<String>,
    key_set: Option<Behaviour>,
    database_pages: Option<u32>,
    store: TestStore,
    files: bool,
    directory_sync: Option<fn(&Path) -> io::Result<()>>,
    bus: TestBus,
}

impl TestServer {
    /// A server as it comes.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A server whose time the test moves.
    pub async fn with_manual_clock() -> Self {
        Self::builder().manual_clock().start().await
    }

    /// A server with other timers and bounds.
    pub async fn with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        Self::builder().limits(change).start().await
    }

    /// A server with several differences. One is always there: its closes at shutdown are not spread over seconds.
    #[must_use]
    pub fn builder() -> TestServerBuilder {
        TestServerBuilder::default().limits(|limits| limits.shutdown_spread = Duration::ZERO)
    }

    /// Address of the server.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Address of the admin listener.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.server.admin_address().expect("a server with ADMIN_ADDR")
    }

    /// URL of its database.
    #[must_use]
    pub fn database_url(&self) -> String {
        let file = || format!("sqlite:{}", self.folder.path().join("less-sync.db").display());
        self.database.as_ref().map_or_else(file, |database| database.url().to_owned())
    }

    /// Metrics of the server.
    #[must_use]
    pub fn metrics(&self) -> &less_sync_metrics::Registry {
        self.server.metrics()
    }

    /// Trusted issuer of the server.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Clock of the server.
    ///
    /// # Panics
    /// If it runs on real time.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        self.clock.as_ref().expect("a server with a manual clock")
    }

    /// An ordinary token for `user`.
    #[must_use]
    pub fn token(&self, user: &str) -> String {
        self.issuer.token(user)
    }

    /// The personal space of `user` in the app `client-1`, which ordinary tokens are for.
    #[must_use]
    pub fn space_id(&self, user: &str) -> SpaceId {
        self.issuer.personal_space(user)
    }

    /// [`TestServer::space_id`] as text.
    #[must_use]
    pub fn space(&self, user: &str) -> String {
        self.space_id(user).to_string()
    }

    /// A hand-made connection that has sent an ordinary token for `user`.
    pub async fn raw(&self, user: &str) -> RawClient {
        self.raw_with_token(&self.token(user)).await
    }

    /// A hand-made connection that has sent this token.
    pub async fn raw_with_token(&self, token: &str) -> RawClient {
        let mut client = RawClient::connect(self.address()).await;
        client.authenticate(token).await;
        client
    }

    /// A hand-made connection of `user`, whose chains are for `member`.
    pub async fn raw_as(&self, user: &str, member: &Member) -> RawClient {
        self.raw_with_token(&self.token_as(user, member)).await
    }

    /// An ordinary token for `user`, whose chains are for `member`.
    #[must_use]
    pub fn token_as(&self, user: &str, member: &Member) -> String {
        self.issuer.mint(&self.issuer.claims(user).with("did", member.did()))
    }

    /// The answer to a plain GET.
    pub async fn get(&self, target: &str) -> HttpResponse {
        Upgrade::plain_get(target).response(self.address()).await
    }

    /// Data directory of the server.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Starts another node on the same database and a free port, over `bus` or the transport of the configuration.
    pub async fn another_node(&self, bus: Option<Arc<dyn FanoutBus>>) -> TestNode {
        let mut config = self.config.clone();
        config.server.listen.port = 0;
        TestNode { server: Box::pin(run_over(config, self.clock.as_ref(), bus)).await }
    }

    /// Loads its peers and signing keys again.
    pub fn reload(&self) {
        self.server.reload();
    }

    /// Begins an orderly shutdown.
    pub fn drain(&self) {
        self.server.drain();
    }

    /// Completes when it has stopped.
    pub async fn stopped(&mut self) {
        within("the server to stop", self.server.stopped()).await.expect("an orderly stop");
    }

    /// Waits until it stops because of a failure, and returns the error.
    ///
    /// # Panics
    /// If it stops in good order.
    pub async fn failed(&mut self) -> String {
        let stopped = within("the server to stop", self.server.stopped()).await;
        format!("{:#}", stopped.expect_err("a failure"))
    }

    /// Ends it at once, without a shutdown.
    #[must_use]
    pub fn kill(self) -> KilledServer {
        let Self { server, issuer, clock, config, folder, database, log } = self;
        drop(server);
        KilledServer { issuer, clock, config, folder, database, log }
    }

    /// Stops it in good order and starts another one on the same database and for the same issuer.
    pub async fn restart(self) -> Self {
        self.restart_after(|| ()).await
    }

    /// As [`TestServer::restart`], with `work` done while no server runs.
    pub async fn restart_after(mut self, work: impl FnOnce()) -> Self {
        self.drain();
        self.stopped().await;
        let Self { server, issuer, clock, config, folder, database, log } = self;
        drop(server);
        work();
        let server = Box::pin(run(config.clone(), clock.as_ref())).await;
        Self { server, issuer, clock, config, folder, database, log }
    }
}

impl TestServerBuilder {
    /// Changes timers and bounds of the WebSocket endpoint, outside the accepted ranges too.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Sets a variable of the configuration.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Replaces the `fsync` of directories.
    #[must_use]
    pub fn directory_sync(mut self, operation: fn(&Path) -> io::Result<()>) -> Self {
        self.directory_sync = Some(operation);
        self
    }

    /// Keeps files in `files` of its folder.
    #[must_use]
    pub fn files(mut self) -> Self {
        self.files = true;
        self
    }

    /// Runs it on time that the test moves.
    #[must_use]
    pub fn manual_clock(mut self) -> Self {
        self.manual_clock = true;
        self
    }

    /// Trusts this issuer too, under the keys of the server's own one.
    #[must_use]
    pub fn also_trust(mut self, issuer: &str) -> Self {
        self.other_issuers.push(issuer.to_owned());
        self
    }

    /// Sets the initial behaviour of the key set route.
    #[must_use]
    pub fn key_set(mut self, behaviour: Behaviour) -> Self {
        self.key_set = Some(behaviour);
        self
    }

    /// Keeps its data in a file of its folder, on whichever store the other tests run.
    #[must_use]
    pub fn embedded(mut self) -> Self {
        self.store = TestStore::Embedded;
        self
    }

    /// Keeps its data in PostgreSQL, on whichever store the other tests run.
    #[must_use]
    pub fn postgres(mut self) -> Self {
        self.store = TestStore::Postgres;
        self
    }

    /// Lets the file with its data grow to this many pages of 4 KiB; then its disk counts as full.
    #[must_use]
    pub fn database_pages(mut self, pages: u32) -> Self {
        self.database_pages = Some(pages);
        self.embedded()
    }

    /// Talks to other nodes over `bus`.
    #[must_use]
    pub fn bus(mut self, bus: Arc<dyn FanoutBus>) -> Self {
        self.bus = TestBus(Some(bus));
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(self) -> TestServer {
        let log = LogScan::start();
        let clock = self.manual_clock.then(ManualClock::new);
        let issuer_clock: Arc<dyn Clock> = match &clock {
            Some(clock) => Arc::new(clock.clone()),
            None => Arc::new(SystemClock),
        };
        let issuer = Issuer::start(issuer_clock).await;
        if let Some(behaviour) = self.key_set {
            issuer.behave(behaviour);
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = if self.wants_postgres() { Some(TestDatabase::migrated().await) } else { None };
        let bus = self.bus.0.clone();
        let config = self.config(&issuer, &folder, database.as_ref());
        let server = Box::pin(run_over(config.clone(), clock.as_ref(), bus)).await;
        TestServer { server, issuer, clock, config, folder, database, log }
    }

    /// Unless the test is about a file, or says itself where the data is.
    fn wants_postgres(&self) -> bool {
        #[expect(clippy::disallowed_methods, reason = "test configuration from the environment")]
        let chosen = std::env::var(STORE).is_ok_and(|store| store == "postgres");
        match self.store {
            TestStore::Chosen => chosen && !self.settings.contains_key("DATABASE_URL"),
            TestStore::Embedded => false,
            TestStore::Postgres => true,
        }
    }

    fn config(self, issuer: &Issuer, folder: &TempDir, database: Option<&TestDatabase>) -> Config {
        let keys = issuer.key_set_url();
        let others = self.other_issuers.iter().map(|other| format!(" {other}={keys}")).collect::<Vec<_>>();
        let mut settings = self.settings;
        let mut preset = |name: &str, value: String| {
            settings.entry(name.to_owned()).or_insert(value);
        };
        preset("LISTEN_ADDR", "127.0.0.1:0".to_owned());
        let file = || format!("sqlite:{}", folder.path().join("less-sync.db").display());
        preset("DATABASE_URL", database.map_or_else(file, |database| database.url().to_owned()));
        if self.files {
            preset("FILE_STORAGE_BACKEND", "local".to_owned());
            preset("FILE_STORAGE_PATH", folder.path().join("files").display().to_string());
        }
        preset("TRUSTED_ISSUERS", issuer.url() + &others.concat());
        let mut config = Config::read(&Sources::from_environment(settings)).expect("a valid configuration");
        config.limits.realtime = self.limits;
        if !self.manual_clock {
            // On real time a busy machine must not close a connection whose token the test has not sent yet.
            let limits = &mut config.limits.realtime;
            limits.auth_timeout = limits.auth_timeout.max(PATIENCE);
            limits.auth_validation_timeout = limits.auth_validation_timeout.max(PATIENCE);
        }
        if let Some(operation) = self.directory_sync {
            config.directory_sync = config.directory_sync.with_operation(operation);
        }
        if let DatabaseConfig::Sqlite(options) = &mut config.database {
            options.max_pages = self.database_pages;
        }
        config
    }
}

async fn run(config: Config, clock: Option<&ManualClock>) -> Server {
    run_over(config, clock, None).await
}

async fn run_over(config: Config, clock: Option<&ManualClock>, bus: Option<Arc<dyn FanoutBus>>) -> Server {
    let clock = clock.map(|clock| Arc::new(clock.clone()) as Arc<dyn Clock>);
    let starting = Server::start(config, Overrides { clock, bus, ..Overrides::default() });
    // On the heap: every test that starts a server awaits this future.
    Box::pin(starting).await.expect("a server that starts")
}
