//! The listener: accepts connections, within a bound, and serves HTTP/1.1 on each (http §1.2, §2 row 1).

mod activity;
mod connection;
mod outgoing;
mod peer;
mod rejection;
mod socket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use ipnet::IpNet;
use less_sync_api::ApiState;
use less_sync_engine::{Clock, Spawner as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, ListenAddress};
use crate::tasks::Tasks;
use connection::Connection;
use socket::Socket;

/// Connections of the process, upgraded ones included; at least twice those that may be upgraded.
const MAX_CONNECTIONS: usize = 20_000;
/// Pause after a failed accept, for instance when there are no file descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// What the connections of a listener share.
pub(crate) struct Serving {
    router: Router,
    /// Words the answers to what is no request.
    api: ApiState,
    clock: Arc<dyn Clock>,
    /// Owner of the connections' tasks.
    tasks: Tasks,
    /// Networks whose word about the client's address is taken.
    trusted_proxies: Vec<IpNet>,
    max_connections: usize,
    /// How long a body may stand still that is being sent.
    patience: Duration,
    /// Cancelled when connections shall end as soon as they are idle.
    closing: CancellationToken,
    /// Counts the connections that are not upgraded.
    open: TaskTracker,
}

impl Serving {
    pub(crate) fn new(
        (router, api): (Router, ApiState),
        clock: Arc<dyn Clock>,
        tasks: Tasks,
        config: &Config,
    ) -> Arc<Self> {
        let (closing, open) = (CancellationToken::new(), TaskTracker::new());
        let trusted_proxies = config.server.trusted_proxies.clone();
        let max_connections =
            config.limits.realtime.max_connections_total.saturating_mul(2).max(MAX_CONNECTIONS);
        let patience = config.files.settings.idle_timeout;
        Arc::new(Self {
            router,
            api,
            clock,
            tasks,
            trusted_proxies,
            max_connections,
            patience,
            closing,
            open,
        })
    }

    /// Takes no more connections, ends idle ones, and waits until the others have had their answers.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.open.close();
        self.open.wait().await;
    }
}

/// Takes the address.
///
/// # Errors
/// `cannot listen on {addr}: {reason}`, for the operator as it is.
pub(crate) async fn bind(address: &ListenAddress) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind((address.host.as_str(), address.port)).await;
    bound.map_err(|reason| anyhow::anyhow!("cannot listen on {address}: {reason}"))
}

/// Serves until `stop`: an essential task does not end before that, even if there is nothing more to accept.
pub(crate) async fn serve(listener: TcpListener, serving: Arc<Serving>, stop: CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = accept(listener, &serving) => stop.cancelled().await,
    }
}

/// Accepts connections until the listener closes. Beyond the bound they are closed at once.
async fn accept(listener: TcpListener, serving: &Arc<Serving>) {
    let slots = Arc::new(Semaphore::new(serving.max_connections.min(Semaphore::MAX_PERMITS)));
    loop {
        let accepted = tokio::select! {
            biased;
            () = serving.closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => welcome(serving, &slots, stream, peer),
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                serving.clock.sleep_until(serving.clock.instant() + PAUSE).await;
            }
        }
    }
}

fn welcome(serving: &Arc<Serving>, slots: &Arc<Semaphore>, stream: TcpStream, peer: SocketAddr) {
    let Ok(slot) = slots.clone().try_acquire_owned() else {
        tracing::debug!("connection refused: too many");
        return;
    };
    // Without this every answer of more than one frame waits for a delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection was gone at once");
        return;
    }
    let connection = Connection::new(
        serving.clone(),
        Socket::new(stream, slot, serving.clock.clone(), serving.patience),
        peer,
    );
    serving.tasks.spawn("http connection", Box::pin(connection.run()));
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
