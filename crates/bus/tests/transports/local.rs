//! Transport between nodes of one process.

use less_sync_bus::{LocalBus, LocalHub};

use crate::conform;

#[tokio::test]
async fn local_transport_conforms() {
    let hub = LocalHub::new();
    conform(&LocalBus::new(&hub, 8192), &LocalBus::new(&hub, 8192)).await;
}
