//! Subscriptions with very many chains that do not verify: signatures are the most that a request may cost.
//!
//! Each chain is for a space of its own, which does not exist: of entries that repeat a space the server verifies the first only.

use clap::Args;
use less_sync_client::crypto::Identity;
use less_sync_core::frame;
use less_sync_core::wire::method;
use less_sync_core::wire::subscribe::{SubscribeEntry, SubscribeParams, SubscribeResult};

use super::attack::{Attack, Work};
use super::pipeline::{Outcomes, Pipeline};
use crate::connection::{LoadConnection, append, result};
use crate::period::Period;
use crate::server::ServerUnderTest;
use crate::shared_space::SharedSpace;

/// Load of `hostile bad-chains`.
#[derive(Debug, Args)]
pub(super) struct BadChains {
    /// Connections of the attacker, opened one after another as the server closes them
    #[arg(long, default_value_t = 10)]
    attackers: usize,
    /// Subscriptions of each connection
    #[arg(long, default_value_t = 20)]
    requests: usize,
    /// Chains in each subscription
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=1000))]
    chains: u16,
}

impl Attack for BadChains {
    const NAME: &'static str = "bad-chains";

    /// Connections, and the framed subscriptions that each sends.
    type Ready = Vec<(Pipeline, Vec<u8>)>;

    async fn prepare(&self, server: &ServerUnderTest) -> anyhow::Result<Self::Ready> {
        let mut ready = Vec::new();
        for _ in 0..self.attackers {
            let attacker = Identity::random();
            let token = server.token_of("attacker", attacker.did()).await?;
            let connection = LoadConnection::open(server.address(), &token).await?;
            let is_subscribed = |response: &[u8]| {
                result::<SubscribeResult<'_>>(response).is_ok_and(|it| !it.spaces.is_empty())
            };
            let pipeline = Pipeline { connection, window: 1, outcomes: Outcomes::new(is_subscribed) };
            ready.push((pipeline, self.message(&attacker)));
        }
        Ok(ready)
    }

    async fn run(&self, _: &ServerUnderTest, ready: Self::Ready, period: Period) -> anyhow::Result<Work> {
        let attacks = ready.into_iter().map(|(pipeline, message)| async move {
            pipeline.run(std::iter::repeat_n(&message, self.requests), period).await
        });
        let outcomes = futures_util::future::try_join_all(attacks).await?;
        Ok(Work::of_pipelines("subscriptions", &outcomes))
    }
}

impl BadChains {
    /// Subscription to many spaces, each with a chain that its owner might have issued, but for the last signature.
    fn message(&self, attacker: &Identity) -> Vec<u8> {
        // A signature of the right form: that of another text.
        let other = SharedSpace::unknown().grant(attacker.did());
        let signature = other.rsplit_once('.').map(|(_, signature)| signature).unwrap_or_default();
        let forged = |_| {
            let space = SharedSpace::unknown();
            let mut chain = space.grant(attacker.did());
            if let Some(at) = chain.rfind('.') {
                chain.replace_range(at + 1.., signature);
            }
            (space.id().to_string(), chain)
        };
        let chains: Vec<_> = (0..self.chains).map(forged).collect();
        let params = SubscribeParams { spaces: chains.iter().map(entry).collect() };
        let mut framed = Vec::new();
        append(&mut framed, &frame::request("1", method::SUBSCRIBE, &params));
        framed
    }
}

fn entry((id, chain): &(String, String)) -> SubscribeEntry<'_> {
    SubscribeEntry {
        id,
        since: 0,
        ucan: Some(chain),
        token: None,
        presence: false,
        catchup: false,
        home_server: None,
    }
}
