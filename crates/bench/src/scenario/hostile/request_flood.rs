//! Small requests as fast as the server takes them: pulls of a space without news.

use clap::Args;
use less_sync_core::frame;
use less_sync_core::wire::method;
use less_sync_core::wire::pull::{ChunkCount, PullEntry, PullParams};

use super::attack::{Attack, Work};
use super::repetition::{Repetition, Width};
use crate::connection::result;
use crate::period::Period;
use crate::server::ServerUnderTest;

/// Load of `hostile request-flood`.
#[derive(Debug, Args)]
pub(super) struct RequestFlood {
    /// Connections of the attacker
    #[arg(long, default_value_t = 4)]
    attackers: usize,
    /// Requests of each connection
    #[arg(long, default_value_t = 100_000)]
    requests: usize,
    /// Requests in flight per connection
    #[arg(long, default_value_t = 64)]
    window: u64,
}

impl Attack for RequestFlood {
    const NAME: &'static str = "request-flood";

    type Ready = Repetition;

    async fn prepare(&self, server: &ServerUnderTest) -> anyhow::Result<Repetition> {
        let user = server.user().await?;
        let id = user.space.to_string();
        let entry = PullEntry { id: &id, since: 0, ucan: None, token: None, home_server: None };
        let params = PullParams { spaces: vec![entry], on_cursor_ahead: None };
        let request = frame::request("1", method::PULL, &params);
        let width = Width { connections: self.attackers, window: self.window };
        Repetition::open(server, &user, width, &request, |response| result::<ChunkCount>(response).is_ok())
            .await
    }

    async fn run(&self, _: &ServerUnderTest, ready: Repetition, period: Period) -> anyhow::Result<Work> {
        Ok(Work::of_pipelines("requests", &ready.run(self.requests, period).await?))
    }
}
