//! Pulls of a large space by connections that never read, followed by large messages that queue behind them.

use clap::Args;
use less_sync_core::frame;
use less_sync_core::wire::method;
use less_sync_core::wire::pull::{PullEntry, PullParams};

use super::attack::{Attack, Work};
use crate::connection::{LoadConnection, append};
use crate::period::Period;
use crate::pushes;
use crate::server::ServerUnderTest;

/// Kernel receive buffer of a connection that never reads, in bytes: data queues in the server.
const RECEIVE_BUFFER: u32 = 4096;

/// Load of `hostile unread-pulls`.
#[derive(Debug, Args)]
pub(super) struct UnreadPulls {
    /// Connections of the attacker
    #[arg(long, default_value_t = 16)]
    attackers: usize,
    /// Records in the pulled space
    #[arg(long, default_value_t = 8192)]
    records: usize,
    /// Size of such a record, in bytes
    #[arg(long, default_value_t = 4096)]
    record_size: usize,
    /// Messages that each connection sends behind its pull
    #[arg(long, default_value_t = 0)]
    messages: usize,
    /// Size of such a message, in bytes
    #[arg(long, default_value_t = 4 << 20)]
    message_size: usize,
}

/// Connections, and what each sends.
pub(super) struct Ready {
    connections: Vec<LoadConnection>,
    pull: Vec<u8>,
    message: Vec<u8>,
}

impl Attack for UnreadPulls {
    const NAME: &'static str = "unread-pulls";

    type Ready = Ready;

    async fn prepare(&self, server: &ServerUnderTest) -> anyhow::Result<Ready> {
        let (mut connections, mut pull, mut message) = (Vec::new(), Vec::new(), Vec::new());
        for user in server.users_named("attacker", 1).await? {
            let mut filler = LoadConnection::open(server.address(), &user.token).await?;
            pushes::fill(&mut filler, user.space, self.records, self.record_size).await?;
            for _ in 0..self.attackers {
                let mut connection = LoadConnection::dial(server.address(), Some(RECEIVE_BUFFER)).await?;
                connection.authenticate(&user.token).await?;
                connections.push(connection);
            }
            let id = user.space.to_string();
            let entry = PullEntry { id: &id, since: 0, ucan: None, token: None, home_server: None };
            let params = PullParams { spaces: vec![entry], on_cursor_ahead: None };
            append(&mut pull, &frame::request("1", method::PULL, &params));
            pushes::PushGenerator::new(user.space, 1, self.message_size).append(&mut message);
        }
        Ok(Ready { connections, pull, message })
    }

    async fn run(&self, _: &ServerUnderTest, ready: Ready, period: Period) -> anyhow::Result<Work> {
        let Ready { connections, pull, message } = ready;
        let attacks = connections.into_iter().map(async |mut connection| {
            connection.send_framed(&pull).await?;
            let mut sent = 0;
            while sent < self.messages {
                tokio::select! {
                    // A server that closes the connection ends the attack of it.
                    written = connection.send_framed(&message) => if written.is_err() { break },
                    () = period.end() => break,
                }
                sent += 1;
            }
            period.end().await;
            anyhow::Ok(sent as u64)
        });
        let sent: u64 = futures_util::future::try_join_all(attacks).await?.iter().sum();
        Ok(Work::default().with("pulls_sent", self.attackers as u64).with("messages_sent", sent))
    }
}
