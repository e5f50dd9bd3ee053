//! Fake server: the other end of an in-memory connection.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use less_sync_client::{AccessToken, Auth, Connect, Connection, DialError, Events, Options};
use less_sync_core::cbor::Encode;
use less_sync_core::frame::{self, Inbound};
use less_sync_core::wire::pull::{PullBegin, PullCommit, PullParams, PullRecord};
use less_sync_core::wire::subscribe::{SpaceState, SubscribeParams, SubscribeResult};
use less_sync_core::wire::{chunk, event};
use less_sync_core::{Cursor, Epoch, RecordId, SpaceId};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

pub(crate) const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
pub(crate) const OTHER: SpaceId = SpaceId::from_bytes([2; 16]);

/// Capacity of the pipe, in bytes.
const PIPE: usize = 64 * 1024;

pub(crate) struct Peer(WebSocketStream<DuplexStream>);

/// Received request.
pub(crate) struct ReceivedRequest {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) message: Bytes,
}

pub(crate) fn at(number: u64) -> Cursor {
    Cursor::new(number).unwrap()
}

pub(crate) fn record(number: u8) -> RecordId {
    RecordId::from_bytes([number; 16])
}

/// Connection and its server end, after the token was read.
pub(crate) async fn connected(options: Options) -> (Connection, Events, Peer) {
    let (client, mut peer) = pipe().await;
    let (connection, events) = Connection::over(client, Auth::Token("t".into()), options);
    assert_eq!(peer.token().await, "t");
    (connection, events, peer)
}

pub(crate) async fn pipe() -> (WebSocketStream<DuplexStream>, Peer) {
    let (client, server) = tokio::io::duplex(PIPE);
    let client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    (client, Peer(WebSocketStream::from_raw_socket(server, Role::Server, None).await))
}

impl Peer {
    pub(crate) async fn receive(&mut self) -> Option<Message> {
        match self.0.next().await {
            Some(Ok(message)) => Some(message),
            Some(Err(_)) | None => None,
        }
    }

    async fn binary(&mut self) -> Bytes {
        match self.receive().await {
            Some(Message::Binary(message)) => message,
            other => panic!("expected a binary message, got {other:?}"),
        }
    }

    pub(crate) async fn token(&mut self) -> String {
        frame::parse_auth(&self.binary().await).unwrap().token.to_owned()
    }

    pub(crate) async fn asked(&mut self) -> ReceivedRequest {
        let message = self.binary().await;
        match frame::parse(&message).unwrap() {
            Inbound::Request { id, method, .. } => {
                ReceivedRequest { id: id.to_owned(), method: method.to_owned(), message: message.clone() }
            }
            other @ (Inbound::Keepalive | Inbound::Notification { .. } | Inbound::Ignored) => {
                panic!("expected a request, got {other:?}")
            }
        }
    }

    pub(crate) async fn send(&mut self, message: impl Into<Bytes>) {
        self.0.send(Message::Binary(message.into())).await.unwrap();
    }

    pub(crate) async fn send_message(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    pub(crate) async fn chunk(&mut self, asked: &ReceivedRequest, name: &str, data: &impl Encode) {
        let mut out = Vec::new();
        frame::write_chunk(&mut out, &asked.id, name, data);
        self.send(out).await;
    }

    pub(crate) async fn respond(&mut self, asked: &ReceivedRequest, result: &impl Encode) {
        self.send(frame::response(&asked.id, result)).await;
    }

    pub(crate) async fn close(&mut self, code: u16, reason: &str) {
        let close = CloseFrame { code: CloseCode::from(code), reason: reason.to_owned().into() };
        self.send_message(Message::Close(Some(close))).await;
    }

    /// Accepts a subscription to every space, at this cursor; returns the `since` of the first.
    pub(crate) async fn accept_subscribe(&mut self, cursor: u64) -> u64 {
        let asked = self.asked().await;
        assert_eq!(asked.method, "subscribe");
        let params: SubscribeParams<'_> = asked.params();
        let spaces = params.spaces.iter().map(|entry| SpaceState {
            id: entry.id,
            cursor: at(cursor),
            key_generation: Epoch::FIRST,
            rewrap_epoch: None,
            token: None,
            token_expires: None,
            peers: Vec::new(),
        });
        let result = SubscribeResult { spaces: spaces.collect(), errors: Vec::new() };
        self.respond(&asked, &result).await;
        params.spaces.first().unwrap().since
    }

    /// Serves a pull of one space with one record per cursor after `since`; returns `since`.
    pub(crate) async fn serve_pull(&mut self, cursor: u64) -> u64 {
        let asked = self.asked().await;
        assert_eq!(asked.method, "pull");
        let since = asked.params::<PullParams<'_>>().spaces.first().unwrap().since;
        self.begin(&asked, SPACE, since, cursor).await;
        for row in since + 1..=cursor {
            self.record(&asked, SPACE, u8::try_from(row).unwrap(), row).await;
        }
        self.commit(&asked, SPACE, since, cursor, cursor - since).await;
        self.count(&asked, cursor - since + 2).await;
        since
    }

    pub(crate) async fn begin(&mut self, asked: &ReceivedRequest, space: SpaceId, prev: u64, cursor: u64) {
        let space = space.to_string();
        let begin = PullBegin {
            space: &space,
            prev: at(prev),
            cursor: at(cursor),
            key_generation: Epoch::FIRST,
            rewrap_epoch: None,
        };
        self.chunk(asked, chunk::PULL_BEGIN, &begin).await;
    }

    pub(crate) async fn record(&mut self, asked: &ReceivedRequest, space: SpaceId, number: u8, cursor: u64) {
        let space = space.to_string();
        let row = PullRecord {
            space: &space,
            id: record(number),
            blob: Some(b"blob"),
            cursor: at(cursor),
            dek: None,
            deleted: false,
        };
        self.chunk(asked, chunk::PULL_RECORD, &row).await;
    }

    pub(crate) async fn commit(
        &mut self,
        asked: &ReceivedRequest,
        space: SpaceId,
        prev: u64,
        cursor: u64,
        count: u64,
    ) {
        let space = space.to_string();
        let commit = PullCommit { space: &space, prev: at(prev), cursor: at(cursor), count };
        self.chunk(asked, chunk::PULL_COMMIT, &commit).await;
    }

    pub(crate) async fn count(&mut self, asked: &ReceivedRequest, chunks: u64) {
        self.respond(asked, &less_sync_core::wire::pull::ChunkCount { chunks }).await;
    }

    pub(crate) async fn sync(&mut self, space: SpaceId, prev: u64, cursor: u64) {
        self.send(sync(space, prev, cursor)).await;
    }
}

impl ReceivedRequest {
    pub(crate) fn params<'a, P: less_sync_core::cbor::Decode<'a>>(&'a self) -> P {
        match frame::parse(&self.message).unwrap() {
            Inbound::Request { params, .. } => params.decode().unwrap(),
            other @ (Inbound::Keepalive | Inbound::Notification { .. } | Inbound::Ignored) => {
                panic!("expected a request, got {other:?}")
            }
        }
    }
}

pub(crate) fn sync(space: SpaceId, prev: u64, cursor: u64) -> Bytes {
    let sync = event::Sync {
        space,
        prev: at(prev),
        cursor: at(cursor),
        key_generation: Epoch::FIRST,
        rewrap_epoch: None,
        records: vec![event::RecordEntry {
            id: record(u8::try_from(cursor).unwrap()),
            blob: Some(b"live"),
            cursor: at(cursor),
            dek: None,
            deleted: false,
        }],
    };
    frame::notification("sync", &sync)
}

/// Dialer that passes every dial to the test.
pub(crate) struct FakeListener(mpsc::Sender<(AccessToken, Peer)>);

/// Receiver of dials.
pub(crate) struct Arrivals(mpsc::Receiver<(AccessToken, Peer)>);

impl FakeListener {
    pub(crate) fn open() -> (Arc<Self>, Arrivals) {
        let (sender, receiver) = mpsc::channel(1);
        (Arc::new(Self(sender)), Arrivals(receiver))
    }
}

impl Arrivals {
    /// The next connection, after its token was read.
    pub(crate) async fn next(&mut self) -> Peer {
        let (token, mut peer) = self.0.recv().await.unwrap();
        assert_eq!(peer.token().await, token.expose());
        peer
    }

    pub(crate) fn has_no_dial(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}

#[async_trait]
impl Connect for FakeListener {
    async fn connect(&self, token: AccessToken) -> Result<(Connection, Events), DialError> {
        let (client, peer) = pipe().await;
        if self.0.send((token.clone(), peer)).await.is_err() {
            return Err(DialError::Rejected { status: 503, retry_after: None });
        }
        Ok(Connection::over(client, Auth::Token(token), Options::default()))
    }
}
