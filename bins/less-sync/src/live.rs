//! Presence and ephemeral events of a command: subscription, encryption, size limits.

use anyhow::{Context as _, anyhow};
use less_sync_client::crypto::{LIVE_OVERHEAD, Live};
use less_sync_client::{Watch, WatchedSpace};
use less_sync_core::limits;

use crate::advised::no_access;
use crate::failure::Failure;
use crate::target::{SpaceArgument, SpaceConnection, Target};

/// Subscribed connection to a space.
pub(crate) struct LiveSpace {
    pub(crate) opened: SpaceConnection,
    /// State of the space at the subscription.
    pub(crate) state: WatchedSpace,
}

impl LiveSpace {
    /// Connects and subscribes.
    pub(crate) async fn open(target: &Target, argument: &SpaceArgument) -> Result<Self, Failure> {
        let opened = target.open(argument).await?;
        let state = subscribe(&opened).await?;
        Ok(Self { opened, state })
    }

    /// Encrypts content, with the key of the space, which is created if a personal space has none.
    ///
    /// # Errors
    /// Content larger than the server relays, which would be ignored (protocol §4.19).
    pub(crate) async fn seal(&mut self, kind: Live, content: &str) -> Result<Vec<u8>, Failure> {
        let limit = match kind {
            Live::Presence => limits::PRESENCE_DATA,
            Live::Event => limits::EVENT_DATA,
        };
        let limit = limit.saturating_sub(LIVE_OVERHEAD);
        if content.len() > limit {
            let text = format!("the text has {} bytes, and at most {limit} are relayed", content.len());
            return Err(Failure::usage(anyhow!(text)));
        }
        self.opened.prepare_writing().await?;
        let sealed = self.opened.keys.ring().seal_live(kind, content.as_bytes());
        Ok(sealed.context("there is no key for this space")?)
    }

    /// Closes the connection after the server has read everything that was sent.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        // Notifications have no response; requests of a space keep their order (protocol §2.5).
        let delivered = subscribe(&self.opened).await;
        self.opened.connection.close().await;
        delivered.map(drop)
    }
}

async fn subscribe(opened: &SpaceConnection) -> anyhow::Result<WatchedSpace> {
    let ucan = opened.keys.access().ucan.map(str::to_owned);
    let watch = Watch { ucan, presence: true, ..Watch::from(opened.space) };
    let mut subscribed = opened.connection.subscribe(&[watch]).await.context("cannot subscribe")?;
    subscribed.spaces.pop().ok_or_else(no_access)
}
