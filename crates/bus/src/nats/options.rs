//! Servers, credentials and subjects of the NATS transport.

use std::fmt;

use async_nats::{ConnectOptions, ServerAddr};
use less_sync_engine::ports::BusTopic;
use percent_encoding::percent_decode_str;
use url::Url;

/// Maximum length of a prefix of subjects, in bytes, inclusive.
const MAX_PREFIX: usize = 64;

/// Invalid options. Shows no part of the URL, which may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNatsOptions {
    /// An address is no URL of a NATS server.
    #[error("expected nats://USER:PASSWORD@HOST:PORT or tls://…, several with commas between")]
    Url,
    /// Two addresses have different credentials.
    #[error("servers have different credentials")]
    Credentials,
    /// The prefix is no sequence of tokens.
    #[error("expected 1 to 64 letters, digits, hyphens or underscores, with single dots between")]
    Prefix,
}

/// Credentials of a client.
#[derive(Clone, PartialEq, Eq)]
enum Credentials {
    None,
    Token(String),
    Password { user: String, password: String },
}

/// Servers, credentials and subjects. `Debug` shows no credentials.
#[derive(Clone)]
pub struct NatsOptions {
    servers: Vec<ServerAddr>,
    credentials: Credentials,
    prefix: String,
}

impl NatsOptions {
    /// Options from a list of URLs, with a user and a password or with a token as the user, and from the prefix of all
    /// subjects: deployments that share servers have different prefixes.
    ///
    /// # Errors
    /// [`InvalidNatsOptions`].
    pub fn new(urls: &str, prefix: &str) -> Result<Self, InvalidNatsOptions> {
        let is_token = |token: &str| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            !token.is_empty() && token.bytes().all(is_allowed)
        };
        if prefix.len() > MAX_PREFIX || !prefix.split('.').all(is_token) {
            return Err(InvalidNatsOptions::Prefix);
        }
        let mut servers = Vec::new();
        let mut credentials = None;
        for text in urls.split(',').map(str::trim) {
            let mut url = Url::parse(text).map_err(|_| InvalidNatsOptions::Url)?;
            let own = credentials_of(&url).ok_or(InvalidNatsOptions::Url)?;
            if credentials.get_or_insert_with(|| own.clone()) != &own {
                return Err(InvalidNatsOptions::Credentials);
            }
            // The library writes addresses into its log.
            url.set_username("")
                .and_then(|()| url.set_password(None))
                .map_err(|()| InvalidNatsOptions::Url)?;
            let is_plain =
                matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
            if !is_plain
                || !matches!(url.scheme(), "nats" | "tls")
                || url.host_str().is_none_or(str::is_empty)
            {
                return Err(InvalidNatsOptions::Url);
            }
            servers.push(ServerAddr::from_url(url).map_err(|_| InvalidNatsOptions::Url)?);
        }
        let credentials = credentials.ok_or(InvalidNatsOptions::Url)?;
        Ok(Self { servers, credentials, prefix: prefix.to_owned() })
    }

    /// Addresses of the servers, without credentials.
    pub(super) fn servers(&self) -> Vec<ServerAddr> {
        self.servers.clone()
    }

    /// Options of a connection, with the credentials.
    pub(super) fn connect(&self) -> ConnectOptions {
        match &self.credentials {
            Credentials::None => ConnectOptions::new(),
            Credentials::Token(token) => ConnectOptions::with_token(token.clone()),
            Credentials::Password { user, password } => {
                ConnectOptions::with_user_and_password(user.clone(), password.clone())
            }
        }
    }

    /// Subject of a destination.
    pub(super) fn subject(&self, topic: BusTopic) -> String {
        match topic {
            BusTopic::Everyone => format!("{}.all", self.prefix),
            BusTopic::Shard(shard) => format!("{}.shard.{}", self.prefix, shard.number()),
        }
    }
}

/// Credentials in the URL; `None` if they are not UTF-8.
fn credentials_of(url: &Url) -> Option<Credentials> {
    let decoded = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
    Some(match (url.username(), url.password()) {
        ("", None) => Credentials::None,
        (token, None) => Credentials::Token(decoded(token)?),
        (user, Some(password)) => {
            Credentials::Password { user: decoded(user)?, password: decoded(password)? }
        }
    })
}

impl fmt::Debug for NatsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsOptions")
            .field("servers", &self.servers)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(urls: &str) -> Result<NatsOptions, InvalidNatsOptions> {
        NatsOptions::new(urls, "less-sync")
    }

    #[test]
    fn credentials_are_taken_out_of_the_addresses() {
        let options = options("nats://less:p%40ss@one:4222, tls://less:p%40ss@two").unwrap();
        let password = Credentials::Password { user: "less".into(), password: "p@ss".into() };
        assert!(options.credentials == password);
        assert!(!format!("{options:?}").contains("ss@") && !format!("{options:?}").contains("p%40"));
        let token = self::options("nats://secret@one").unwrap();
        assert!(token.credentials == Credentials::Token("secret".into()));
        assert!(!format!("{token:?}").contains("secret"));
    }

    #[test]
    fn addresses_of_other_things_are_rejected() {
        for text in ["", "one:4222", "http://one", "ws://one", "nats://", "nats://one/path", "nats://one,"] {
            assert_eq!(options(text).err(), Some(InvalidNatsOptions::Url), "{text}");
        }
        let differing = options("nats://a:b@one,nats://a:c@two");
        assert_eq!(differing.err(), Some(InvalidNatsOptions::Credentials));
    }

    #[test]
    fn prefix_is_a_sequence_of_tokens() {
        assert!(NatsOptions::new("nats://one", "less.sync_2-b").is_ok());
        for prefix in ["", ".", "a.", "a..b", "a b", "a.*", "a.>", &"a".repeat(65)] {
            let rejected = NatsOptions::new("nats://one", prefix);
            assert_eq!(rejected.err(), Some(InvalidNatsOptions::Prefix), "{prefix}");
        }
    }
}
