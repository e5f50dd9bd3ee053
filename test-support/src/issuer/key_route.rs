//! HTTP route of the key set, with injectable faults.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Behaviour of the key set route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Responds with the keys.
    Healthy,
    /// Responds with this status and no keys.
    Status(u16),
    /// Never responds; the connection stays open.
    Hang,
    /// Responds with a body that is not JSON.
    Garbage,
    /// Responds with more than a mebibyte.
    Oversized,
    /// Responds with a redirect to itself.
    Redirect,
}

#[derive(Debug)]
pub(super) struct KeyRoute {
    address: SocketAddr,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    document: Mutex<String>,
    behaviour: Mutex<Behaviour>,
    fetches: watch::Sender<usize>,
}

impl KeyRoute {
    pub(super) async fn start(document: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("the address of a bound listener");
        let shared = Arc::new(Shared {
            document: Mutex::new(document.to_string()),
            behaviour: Mutex::new(Behaviour::Healthy),
            fetches: watch::Sender::new(0),
        });
        let routes =
            Router::new().route("/.well-known/jwks.json", get(key_set)).with_state(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let ended = axum::serve(listener, routes).await;
            tracing::debug!(?ended, "key set server ended");
        });
        Self { address, shared, _server: server }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn publish(&self, document: String) {
        *self.shared.document.lock() = document;
    }

    pub(super) fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock() = behaviour;
    }

    pub(super) fn fetches(&self) -> usize {
        *self.shared.fetches.borrow()
    }

    pub(super) async fn until_fetched(&self, count: usize) {
        let mut fetches = self.shared.fetches.subscribe();
        let reached = crate::within(
            format!("fetch {count} of the key set"),
            fetches.wait_for(|so_far| *so_far >= count),
        );
        assert!(reached.await.is_ok(), "the key set is off the network");
    }
}

async fn key_set(State(shared): State<Arc<Shared>>) -> Response {
    shared.fetches.send_modify(|fetches| *fetches += 1);
    let behaviour = *shared.behaviour.lock();
    match behaviour {
        Behaviour::Healthy => {
            ([(http::header::CONTENT_TYPE, "application/json")], shared.document.lock().clone())
                .into_response()
        }
        Behaviour::Status(code) => {
            StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }
        Behaviour::Hang => std::future::pending().await,
        Behaviour::Garbage => "<html>not a key set</html>".into_response(),
        Behaviour::Oversized => " ".repeat(1024 * 1024 + 1).into_response(),
        Behaviour::Redirect => {
            (StatusCode::FOUND, [(http::header::LOCATION, "/.well-known/jwks.json")]).into_response()
        }
    }
}
