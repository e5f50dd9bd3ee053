//! Connections whose tokens name a signing key that the issuer does not have, one after another.

use std::rc::Rc;

use clap::Args;
use less_sync_client::AccessToken;

use super::attack::{Attack, Work};
use super::pipeline::Outcomes;
use crate::connection::{LoadConnection, SOURCES};
use crate::period::Period;
use crate::server::ServerUnderTest;

/// Load of `hostile unknown-keys`.
#[derive(Debug, Args)]
pub(super) struct UnknownKeys {
    /// Connections at the same time
    #[arg(long, default_value_t = 8)]
    attackers: usize,
    /// Connections of each attacker, one after another
    #[arg(long, default_value_t = 2000)]
    connections: usize,
    /// Source addresses of the attackers, who take turns with them. The server paces the rejections of each
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(SOURCES)))]
    addresses: u32,
}

impl Attack for UnknownKeys {
    const NAME: &'static str = "unknown-keys";

    /// Payload and signature of a token, whose header is replaced.
    type Ready = Rc<str>;

    async fn prepare(&self, server: &ServerUnderTest) -> anyhow::Result<Rc<str>> {
        let user = server.user().await?;
        let (_header, rest) = user.token.expose().split_once('.').unwrap_or_default();
        Ok(rest.into())
    }

    async fn run(&self, server: &ServerUnderTest, ready: Rc<str>, period: Period) -> anyhow::Result<Work> {
        let attackers = (0..self.attackers).map(async |_| {
            let (mut opened, mut closed) = (0_usize, 0);
            while opened < self.connections && !period.is_over() {
                // The server may reject the connection itself, which is work done as well.
                let source = u32::try_from(opened).unwrap_or(0) % self.addresses;
                let Ok(mut connection) = LoadConnection::dial_from(server.address(), source).await else {
                    opened += 1;
                    continue;
                };
                opened += 1;
                connection.authenticate(&forged(&ready)).await?;
                let mut outcomes = Outcomes::new(|_| true);
                while outcomes.closed.is_none() {
                    tokio::select! {
                        read = connection.read(&mut outcomes) => if read.is_err() { break },
                        () = period.end() => break,
                    }
                }
                closed += u64::from(outcomes.closed.is_some());
            }
            anyhow::Ok((opened as u64, closed))
        });
        let counts = futures_util::future::try_join_all(attackers).await?;
        Ok(Work::default()
            .with("connections_opened", counts.iter().map(|(opened, _)| opened).sum())
            .with("connections_closed", counts.iter().map(|(_, closed)| closed).sum()))
    }
}

/// Token with a header that names a random key.
fn forged(rest: &str) -> AccessToken {
    let header = format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{:032x}"}}"#, rand::random::<u128>());
    AccessToken::from(format!("{}.{rest}", base64url(header.as_bytes())).as_str())
}

/// Base64 of RFC 4648 §5, without padding.
fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
