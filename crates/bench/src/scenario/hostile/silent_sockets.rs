//! Sockets that never send a byte: descriptors without requests.

use clap::Args;
use tokio::net::TcpStream;

use super::attack::{Attack, Work};
use crate::period::Period;
use crate::server::ServerUnderTest;

/// Load of `hostile silent-sockets`.
#[derive(Debug, Args)]
pub(super) struct SilentSockets {
    /// Sockets that are opened and kept
    #[arg(long, default_value_t = 4000)]
    sockets: usize,
}

impl Attack for SilentSockets {
    const NAME: &'static str = "silent-sockets";

    type Ready = ();

    async fn prepare(&self, _: &ServerUnderTest) -> anyhow::Result<()> {
        Ok(())
    }

    async fn run(&self, server: &ServerUnderTest, (): (), period: Period) -> anyhow::Result<Work> {
        let mut sockets = Vec::new();
        while sockets.len() < self.sockets && !period.is_over() {
            tokio::select! {
                socket = TcpStream::connect(server.address().socket) => sockets.push(socket?),
                () = period.end() => break,
            }
        }
        period.end().await;
        let mut byte = [0];
        // A socket that the server has closed has an end, or an error; any other would block.
        let is_closed = |socket: &TcpStream| !matches!(socket.try_read(&mut byte), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
        let opened = sockets.len() as u64;
        let closed = sockets.iter().map(is_closed).filter(|closed| *closed).count() as u64;
        Ok(Work::default().with("sockets_opened", opened).with("sockets_closed", closed))
    }
}
