//! A server on a free port with a database in a directory of its own, and an HTTP client.

use std::path::Path;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use less_sync_app::config::{AdminConfig, ListenAddress};
use less_sync_app::{Config, Overrides, Server, Sources};
use less_sync_test_support::{Issuer, ManualClock, within};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;

/// A server, its issuer and its time.
pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) issuer: Issuer,
    pub(crate) clock: ManualClock,
    pub(crate) directory: TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::configured(|_config| {}).await
    }

    pub(crate) async fn configured(change: impl FnOnce(&mut Config)) -> Self {
        let clock = ManualClock::new();
        let issuer = Issuer::start(Arc::new(clock.clone())).await;
        Self::with(issuer, clock, change).await
    }

    pub(crate) async fn with(issuer: Issuer, clock: ManualClock, change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(&issuer, directory.path());
        change(&mut config);
        let server = start(config, &clock).await;
        Self { server, issuer, clock, directory }
    }

    pub(crate) async fn get(&self, path: &str) -> HttpResponse {
        ask(http().get(url(&self.server, path))).await
    }

    pub(crate) async fn get_as(&self, token: &str, path: &str) -> HttpResponse {
        ask(http().get(url(&self.server, path)).bearer_auth(token)).await
    }
}

pub(crate) async fn start(config: Config, clock: &ManualClock) -> Server {
    let overrides = Overrides { clock: Some(Arc::new(clock.clone())), ..Overrides::default() };
    Server::start(config, overrides).await.unwrap()
}

pub(crate) fn config(issuer: &Issuer, directory: &Path) -> Config {
    let database = format!("sqlite:{}", directory.join("sync.db").display());
    let issuer = issuer.url();
    let settings =
        [("LISTEN_ADDR", "127.0.0.1:0"), ("DATABASE_URL", &database), ("TRUSTED_ISSUERS", &issuer)];
    let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Config::read(&Sources::from_environment(settings.collect())).unwrap()
}

/// Admin listener on a free port, without a token.
pub(crate) fn admin() -> AdminConfig {
    AdminConfig { listen: ListenAddress { host: "127.0.0.1".to_owned(), port: 0 }, token: None }
}

pub(crate) fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address())
}

/// HTTP client with a new connection for each request.
pub(crate) fn http() -> Client {
    Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap()
}

/// A response with its complete body.
#[derive(Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

pub(crate) async fn ask(request: RequestBuilder) -> HttpResponse {
    within("a response", async {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default();
        HttpResponse { status, headers, body }
    })
    .await
}
