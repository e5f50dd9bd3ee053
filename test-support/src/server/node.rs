//! Further nodes of a deployment, and the transport between nodes.

use std::net::SocketAddr;
use std::sync::Arc;

use less_sync_app::Server;
use less_sync_engine::ports::FanoutBus;

use crate::{HttpResponse, RawClient, Upgrade, within};

/// Transport between nodes, for [`TestServerBuilder::bus`](super::TestServerBuilder::bus).
#[derive(Clone, Default)]
pub(super) struct TestBus(pub(super) Option<Arc<dyn FanoutBus>>);

impl std::fmt::Debug for TestBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TestBus").field(&self.0.is_some()).finish()
    }
}

/// Another node of the deployment of a [`TestServer`](super::TestServer): a server on the same database, for the same issuer.
#[derive(Debug)]
pub struct TestNode {
    pub(super) server: Server,
}

impl TestNode {
    /// Address of the node.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Metrics of the node.
    #[must_use]
    pub fn metrics(&self) -> &less_sync_metrics::Registry {
        self.server.metrics()
    }

    /// A hand-made connection that has sent this token.
    pub async fn raw_with_token(&self, token: &str) -> RawClient {
        let mut client = RawClient::connect(self.address()).await;
        client.authenticate(token).await;
        client
    }

    /// The answer to a plain GET.
    pub async fn get(&self, target: &str) -> HttpResponse {
        Upgrade::plain_get(target).response(self.address()).await
    }

    /// Stops it in good order.
    pub async fn stop(mut self) {
        self.server.drain();
        within("the node to stop", self.server.stopped()).await.expect("an orderly stop");
    }
}
