//! The token route of a development server.

use std::time::Duration;

use anyhow::{Context as _, bail};
use less_sync_client::AccessToken;
use less_sync_core::SpaceId;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde::{Deserialize, Serialize};

use crate::server_url::ServerUrl;

const TIMEOUT: Duration = Duration::from_secs(10);

/// What to ask for; what is absent is up to the server.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Wish {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<String>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ttl: Option<u64>,
    /// Whom UCANs must name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) did: Option<String>,
    /// Where invitations arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mailbox: Option<String>,
}

/// A token and what one needs to know of it.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub(crate) token: AccessToken,
    /// Seconds since 1970.
    pub(crate) expires_at: i64,
    pub(crate) personal_space: SpaceId,
}

#[derive(Deserialize)]
struct Answer {
    token: String,
    expires_at: i64,
    personal_space: String,
}

/// Asks one development server for tokens.
#[derive(Clone, Debug)]
pub(crate) struct DevTokens {
    client: Client,
    url: reqwest::Url,
}

impl DevTokens {
    pub(crate) fn new(server: &ServerUrl) -> anyhow::Result<Self> {
        let client = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).no_proxy().build();
        Ok(Self { client: client.context("cannot make an HTTP client")?, url: server.route("/dev/token") })
    }

    /// A fresh token.
    ///
    /// # Errors
    /// There is no server, it is no development server, or it does not like the wish.
    pub(crate) async fn grant(&self, wish: &Wish) -> anyhow::Result<Granted> {
        let body = serde_json::to_vec(wish)?;
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(body);
        let response = request.send().await.map_err(reqwest::Error::without_url);
        let response = response.with_context(|| format!("cannot ask {} for a token", self.url))?;
        let status = response.status();
        let body = response.bytes().await.context("the answer of the token route broke off")?;
        match status {
            StatusCode::OK => granted(&body),
            // A server without that route asks for credentials before it says what there is.
            StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED => {
                bail!("the server gives no tokens: it was not started with --dev")
            }
            _ => bail!("the token route answered {status}: {}", String::from_utf8_lossy(&body)),
        }
    }
}

fn granted(body: &[u8]) -> anyhow::Result<Granted> {
    let answer: Answer = serde_json::from_slice(body).context("the token route answered something else")?;
    let personal_space = answer.personal_space.parse().context("the token route named no space")?;
    Ok(Granted { token: answer.token.into(), expires_at: answer.expires_at, personal_space })
}
