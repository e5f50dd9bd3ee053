//! HTTP listener: accepts connections up to a limit and serves HTTP/1.1 on each (http §1.2, §2 row 1).

mod activity;
mod client_address;
mod connection;
mod context;
mod host;
mod rejection;
mod response_body;
mod send_rate;
mod socket;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "listen/no_tls.rs"]
mod tls;
mod transport;
mod waiting;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use less_sync_engine::Spawner as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config::ListenAddress;
use connection::Connection;
pub(crate) use context::ListenerContext;
use socket::Socket;
pub(crate) use tls::Tls;
use transport::Transport;

/// Pause after a failed accept, for instance when no file descriptors are left.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Binds the listening socket.
///
/// # Errors
/// [`ListenError`], shown to the operator as it is.
pub(crate) async fn bind(address: &ListenAddress) -> Result<TcpListener, ListenError> {
    let bound = TcpListener::bind((address.host.as_str(), address.port)).await;
    bound.map_err(|reason| ListenError::new(address, reason))
}

/// Failure to listen on an address. One line: the reason is part of the text.
#[derive(Debug)]
pub(crate) struct ListenError {
    address: String,
    reason: io::Error,
}

impl ListenError {
    pub(crate) fn new(address: impl fmt::Display, reason: io::Error) -> Self {
        Self { address: address.to_string(), reason }
    }

    /// Error of the operating system.
    pub(crate) fn reason(&self) -> &io::Error {
        &self.reason
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.address, self.reason)
    }
}

impl std::error::Error for ListenError {}

/// Serves connections until `stop` is cancelled. After [`ListenerContext::close`] nothing is accepted any more, but the
/// future stays pending: an essential task that completes before `stop` counts as failed.
pub(crate) async fn serve(listener: TcpListener, context: Arc<ListenerContext>, stop: CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = accept(listener, &context) => stop.cancelled().await,
    }
}

/// Accepts connections until the listener is closed. Connections beyond the limit are closed without a response.
async fn accept(listener: TcpListener, context: &Arc<ListenerContext>) {
    let permits = Arc::new(Semaphore::new(context.max_connections.min(Semaphore::MAX_PERMITS)));
    loop {
        let accepted = tokio::select! {
            biased;
            () = context.closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => spawn_connection(context, &permits, stream, peer),
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "failed to accept connections");
                // EMFILE persists until a connection ends; without the pause this loop would burn a core meanwhile.
                context.clock.sleep_until(context.clock.instant() + ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

fn spawn_connection(
    context: &Arc<ListenerContext>,
    permits: &Arc<Semaphore>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    let Ok(permit) = permits.clone().try_acquire_owned() else {
        tracing::debug!("connection rejected: connection limit reached");
        return;
    };
    let Some(place) = context.waiting.admit(peer) else {
        tracing::debug!("connection rejected: too many connections of its address wait for a request");
        return;
    };
    // Nagle's algorithm would hold the second segment of a response back until the client's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "failed to set TCP_NODELAY");
        return;
    }
    let shared = context.clone();
    let serve = async move {
        let transport = match &shared.tls {
            None => Some(Transport::Plain(stream)),
            Some(tls) => tls.accept(stream).await,
        };
        if let Some(transport) = transport {
            let socket = Socket::new(transport, permit, shared.clock.clone(), shared.timeouts);
            Connection::new(shared, socket, peer, place).run().await;
        }
    };
    context.tasks.spawn("http connection", Box::pin(serve));
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
