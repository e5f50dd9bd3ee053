//! Device of a user, built on the client crate.

use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::pin::Pin;

use less_sync_client::{
    AccessToken, Auth, Change, Connection, Dialer, Endpoint, Event, Events, PullItem, PullSpace, RecordRow,
    SyncEvent, Watch, WatchedSpace,
};
use less_sync_core::{Cursor, SpaceId};

use crate::{TestServer, within};

/// An authenticated connection and the personal space of its user.
#[derive(Debug)]
pub struct Device {
    connection: Connection,
    events: Events,
    space: SpaceId,
}

/// A device that is about to connect; await it.
#[derive(Debug)]
pub struct Connecting<'s> {
    server: &'s TestServer,
    through: Option<SocketAddr>,
    user: String,
}

impl Device {
    /// A device of the user `alice`, unless told otherwise, connecting when awaited.
    #[must_use]
    pub fn connect(server: &TestServer) -> Connecting<'_> {
        Connecting { server, through: None, user: "alice".to_owned() }
    }

    /// The personal space of its user.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// The connection, for what has no shorthand here.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Watches the personal space.
    ///
    /// # Panics
    /// If the server rejects.
    pub async fn subscribe(&mut self) -> WatchedSpace {
        let watch = Watch::from(self.space);
        let response = within("the subscription", self.connection.subscribe(&[watch])).await;
        response.expect("a response").spaces.pop().expect("a subscription")
    }

    /// Pushes to the personal space and returns the new cursor.
    ///
    /// # Panics
    /// If the push is rejected.
    pub async fn push(&mut self, changes: &[Change]) -> Cursor {
        within("the response to a push", self.connection.push(self.space, changes))
            .await
            .expect("a push that fits")
    }

    /// Pulls the personal space: its rows, and where the device stands now.
    ///
    /// # Panics
    /// If the pull fails.
    pub async fn pull(&mut self, since: Cursor) -> (Vec<RecordRow>, Cursor) {
        let mut pull =
            self.connection.pull(&[PullSpace::from(self.space, since)]).await.expect("a pull that begins");
        let (mut rows, mut reached) = (Vec::new(), since);
        while let Some(item) = within("a part of the pull", pull.next()).await {
            match item.expect("a pull that is whole") {
                PullItem::Record(row) => rows.push(row),
                PullItem::Commit { cursor, .. } => reached = cursor,
                PullItem::Begin { .. } | PullItem::Membership { .. } | PullItem::File { .. } => {}
            }
        }
        (rows, reached)
    }

    /// The next notification.
    ///
    /// # Panics
    /// If the connection has ended.
    pub async fn next_event(&mut self) -> Event {
        within("a notification", self.events.next()).await.expect("an open connection")
    }

    /// The next `sync`; other notifications are passed over.
    pub async fn next_sync(&mut self) -> SyncEvent {
        loop {
            if let Event::Sync(sync) = self.next_event().await {
                return sync;
            }
        }
    }
}

impl Connecting<'_> {
    /// Connects as another user.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        user.clone_into(&mut self.user);
        self
    }

    /// Connects to another address, such as a proxy in front of the server.
    #[must_use]
    pub fn through(mut self, address: SocketAddr) -> Self {
        self.through = Some(address);
        self
    }

    async fn dial(self) -> Device {
        let address = self.through.unwrap_or_else(|| self.server.address());
        let endpoint = Endpoint::from_base(&format!("http://{address}/api/v1")).expect("an address");
        let token = AccessToken::from(self.server.token(&self.user).as_str());
        let (connection, events) =
            Dialer::new(endpoint).dial(Auth::Token(token)).await.expect("a connection");
        Device { connection, events, space: self.server.space_id(&self.user) }
    }
}

impl<'s> IntoFuture for Connecting<'s> {
    type Output = Device;
    type IntoFuture = Pin<Box<dyn Future<Output = Device> + Send + 's>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(within("a connection", self.dial()))
    }
}
