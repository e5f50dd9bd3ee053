//! Transport by notifications of the database: nothing more to install, hints only.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use bytes::Bytes;
use less_sync_engine::ports::{BusError, BusLimits, BusShard, BusTopic, FanoutBus};
use less_sync_storage_postgres::Notifications;

/// Maximum length of a batch: a notification takes 7999 bytes of text, and base64 makes four characters of three bytes.
const MAX_MESSAGE: usize = 5900;

/// Minimum time between two notifications of one node.
const INTERVAL: Duration = Duration::from_millis(10);

/// Transport over the notifications of a PostgreSQL server.
#[derive(Debug)]
pub struct PostgresBus {
    notifications: Notifications,
}

impl PostgresBus {
    /// A transport over `notifications`, connected by its first use.
    #[must_use]
    pub fn new(notifications: Notifications) -> Self {
        Self { notifications }
    }
}

#[async_trait]
impl FanoutBus for PostgresBus {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn limits(&self) -> BusLimits {
        BusLimits { max_message: MAX_MESSAGE, max_event: 0, interval: INTERVAL, has_shards: false }
    }

    async fn send(&self, _topic: BusTopic, message: Bytes) -> Result<(), BusError> {
        let text = BASE64_STANDARD_NO_PAD.encode(&message);
        self.notifications.notify(&text).await.map_err(|error| BusError(error.into()))
    }

    async fn receive(&self) -> Result<Bytes, BusError> {
        let text = self.notifications.receive().await.map_err(|error| BusError(error.into()))?;
        // Text of another program is passed on as it is: no batch, dropped and counted.
        Ok(BASE64_STANDARD_NO_PAD.decode(&text).map_or_else(|_| Bytes::from(text), Bytes::from))
    }

    fn listen(&self, _shard: BusShard, _is_on: bool) {}

    async fn reset(&self) {
        self.notifications.reset();
    }
}
