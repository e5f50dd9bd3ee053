//! Admin listener of a command: its URL and its token, from the command line or the environment.

use std::env;

use anyhow::{Context as _, anyhow};
use less_sync_client::ServerUrl;

use crate::advised::advised;
use crate::failure::Failure;

/// Environment variable of the URL.
const URL: &str = "LESS_SYNC_ADMIN_URL";
/// Environment variable of the token: the one that the server reads.
const TOKEN: &str = "ADMIN_TOKEN";
/// URL without another one.
const DEFAULT_URL: &str = "http://127.0.0.1:9090";

/// Admin listener of a server.
pub(crate) struct AdminTarget {
    /// Scheme and authority, without a path.
    pub(super) base: String,
    /// Bearer token; `None` for a listener without one. Never printed.
    pub(super) token: Option<String>,
}

impl AdminTarget {
    /// Reads what the command line does not name from the environment.
    ///
    /// # Errors
    /// The URL of the environment is invalid, or the file of the token cannot be read.
    pub(crate) fn read(url: Option<&ServerUrl>, token: Option<&str>) -> Result<Self, Failure> {
        let url = match (url, of_environment(URL)) {
            (Some(url), _) => url.clone(),
            (None, Some(text)) => ServerUrl::parse(&text)
                .map_err(|error| Failure::usage(anyhow!("invalid {URL} {text:?}: {error}")))?,
            (None, None) => ServerUrl::parse(DEFAULT_URL).map_err(Failure::usage)?,
        };
        let scheme = if url.is_encrypted() { "https" } else { "http" };
        let token = token.map(str::to_owned).or_else(|| of_environment(TOKEN));
        let token = token.map(|token| read_token(&token)).transpose().map_err(Failure::usage)?;
        if token.as_ref().is_some_and(|token| !is_sendable(token)) {
            let text =
                "the admin token is empty, or has characters that ADMIN_TOKEN of the server cannot have";
            let step = "give the ADMIN_TOKEN of the server with --token, --token @FILE or ADMIN_TOKEN";
            return Err(Failure::usage(advised(text, step)));
        }
        Ok(Self { base: format!("{scheme}://{}", url.authority()), token })
    }
}

#[expect(clippy::disallowed_methods, reason = "the environment stands in for options of the command line")]
fn of_environment(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The token itself, or the content of the file behind an `@`.
fn read_token(text: &str) -> anyhow::Result<String> {
    let Some(path) = text.strip_prefix('@') else { return Ok(text.trim().to_owned()) };
    let content =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the token in {path}"))?;
    // Editors may put a byte-order mark before a text.
    Ok(content.trim_start_matches('\u{feff}').trim().to_owned())
}

/// True for what the server accepts as `ADMIN_TOKEN`, whatever its length: visible ASCII characters.
fn is_sendable(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}
