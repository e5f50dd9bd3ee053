//! Uploads that send one byte and then nothing, and keep a place each.

use base64::Engine as _;
use clap::Args;
use less_sync_core::{FileId, RecordId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::attack::{Attack, Work};
use crate::connection::LoadConnection;
use crate::period::Period;
use crate::pushes;
use crate::scenario::files::DEK;
use crate::server::ServerUnderTest;

/// Load of `hostile slow-transfers`.
#[derive(Debug, Args)]
pub(super) struct SlowTransfers {
    /// Uploads of the attacker
    #[arg(long, default_value_t = 64)]
    uploads: usize,
}

impl Attack for SlowTransfers {
    const NAME: &'static str = "slow-transfers";

    /// Heads of the uploads, each with the first byte of its body.
    type Ready = Vec<String>;

    async fn prepare(&self, server: &ServerUnderTest) -> anyhow::Result<Self::Ready> {
        let user = server.user().await?;
        let mut connection = LoadConnection::open(server.address(), &user.token).await?;
        let owner = RecordId::from_bytes(rand::random());
        pushes::create_without_keys(&mut connection, &user, &[owner]).await?;
        let dek = base64::engine::general_purpose::STANDARD.encode(DEK.as_bytes());
        let address = server.address();
        let base = address.path.trim_end_matches("/ws");
        let head = |_| {
            let id = FileId::from_bytes(rand::random());
            format!(
                "PUT {base}/spaces/{}/files/{id} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
                 X-Record-ID: {owner}\r\nX-Wrapped-DEK: {dek}\r\nContent-Length: 1048576\r\n\r\nx",
                user.space,
                address.host,
                user.token.expose(),
            )
        };
        Ok((0..self.uploads).map(head).collect())
    }

    async fn run(
        &self,
        server: &ServerUnderTest,
        ready: Self::Ready,
        period: Period,
    ) -> anyhow::Result<Work> {
        let uploads = ready.into_iter().map(async |head| {
            let mut socket = TcpStream::connect(server.address().socket).await?;
            socket.write_all(head.as_bytes()).await?;
            let mut response = [0; 12];
            // An upload that has a place gets no response before its end.
            let rejected = tokio::select! {
                read = socket.read_exact(&mut response) => read.is_ok(),
                () = period.end() => false,
            };
            anyhow::Ok(rejected)
        });
        let outcomes = futures_util::future::try_join_all(uploads).await?;
        let rejected = outcomes.iter().filter(|rejected| **rejected).count() as u64;
        let sent = outcomes.len() as u64;
        Ok(Work::default().with("uploads_sent", sent).with("uploads_rejected", rejected))
    }
}
