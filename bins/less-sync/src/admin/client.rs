//! HTTP client of the admin listener, with errors that name the next step.

use std::error::Error as _;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode, Url};
use serde_json::Value;

use super::target::AdminTarget;

/// Timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Client of one admin listener.
pub(crate) struct AdminClient {
    target: AdminTarget,
    http: Client,
}

impl AdminClient {
    pub(crate) fn new(target: AdminTarget) -> anyhow::Result<Self> {
        let http = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).no_proxy().build();
        Ok(Self { target, http: http.context("cannot create an HTTP client")? })
    }

    /// JSON answer to a GET of `path` with these parameters, as they are.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Value> {
        self.json(Method::GET, path, query).await
    }

    /// JSON answer to a request.
    pub(crate) async fn json(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<Value> {
        let body = self.send(method, path, query).await?;
        serde_json::from_str(&body).map_err(|_| self.no_admin_listener())
    }

    /// Current metrics, as OpenMetrics text.
    pub(crate) async fn metrics(&self) -> anyhow::Result<String> {
        self.send(Method::GET, "/metrics", &[]).await
    }

    /// Scheme and authority of the listener.
    pub(crate) fn base(&self) -> &str {
        &self.target.base
    }

    async fn send(&self, method: Method, path: &str, query: &[(&str, String)]) -> anyhow::Result<String> {
        let mut request = self.http.request(method, address(&self.target.base, path, query)?);
        if let Some(token) = &self.target.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body = response.text().await.map_err(|error| self.unreachable(&error))?;
        if status.is_success() { Ok(body) } else { Err(self.rejected(status, &body)) }
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        let mut cause = error.source();
        while let Some(inner) = cause.and_then(std::error::Error::source) {
            cause = Some(inner);
        }
        let cause = cause.map_or_else(|| "no answer in time".to_owned(), ToString::to_string);
        // The cause is a text here: the advice for errors of connections is about the public listener.
        anyhow!("start the server with ADMIN_ADDR set, or name its admin listener with --url or LESS_SYNC_ADMIN_URL")
            .context(cause)
            .context(format!("cannot reach the admin listener at {}", self.target.base))
    }

    fn rejected(&self, status: StatusCode, body: &str) -> anyhow::Error {
        let stated: Option<Value> = serde_json::from_str(body).ok();
        let stated = stated.and_then(|body| Some(body.get("error")?.as_str()?.to_owned()));
        match (status, stated) {
            (StatusCode::UNAUTHORIZED, _) => {
                anyhow!("give the ADMIN_TOKEN of the server with --token, --token @FILE or ADMIN_TOKEN")
                    .context(format!("the admin listener at {} rejected the token", self.target.base))
            }
            (StatusCode::NOT_FOUND, Some(text)) if text == "not found" => self.no_admin_listener(),
            (_, Some(text)) => anyhow!(text),
            (_, None) => self.no_admin_listener(),
        }
    }

    fn no_admin_listener(&self) -> anyhow::Error {
        anyhow!("name the address of ADMIN_ADDR with --url; the server may also be older than this program")
            .context(format!("{} is not the admin listener of a less-sync server", self.target.base))
    }
}

/// Address of `path` with a query.
fn address(base: &str, path: &str, query: &[(&str, String)]) -> anyhow::Result<Url> {
    let mut address = Url::parse(&format!("{base}{path}"))?;
    if !query.is_empty() {
        address.query_pairs_mut().extend_pairs(query);
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn parameters_are_percent_encoded() {
        let query = [("filter", "less_sync=debug,x".to_owned()), ("limit", "3".to_owned())];
        let address = |query| address("http://127.0.0.1:9/ops", "/admin/log", query).unwrap().to_string();
        assert_eq!(address(&query), "http://127.0.0.1:9/ops/admin/log?filter=less_sync%3Ddebug%2Cx&limit=3");
        assert_eq!(address(&[]), "http://127.0.0.1:9/ops/admin/log");
    }
}
