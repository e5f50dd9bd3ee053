//! Home server that behaves as an original one does (federation §20), as far as other servers can see.
//!
//! | behaviour | consequence |
//! |---|---|
//! | rebuilds `ws://<Host><path>` for the signed URL, whatever was dialled | a `wss` dial is rejected with 401 |
//! | knows the keys that it was given, under the whole key id | others are rejected with 401 |
//! | picks `betterbase-rpc-v1` out of the offered subprotocols | |
//! | has no `fed.hello`, `membership.*`, `epoch.*`, `deks.*` of other servers | `method_not_found` |
//! | ignores `since` in `subscribe`, and rejects a request without it | |
//! | sends an empty pair of `pull.begin` and `pull.commit` when `since` is beyond its cursor | |
//! | answers `not_found` for an unknown space | |
//! | has no files of other servers | 401 `missing authorization` |
//! | sends `sync` with key generation 0, no live `file`, no keepalives | |
//! | closes with 4001 at the end of a link's lifetime | |

mod signature;
mod spaces;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use spaces::Spaces;

use crate::{decode, encode};

const SUBPROTOCOL: &str = "betterbase-rpc-v1";

/// Start of an upgrade. Every other request is one for a route that the original does not have.
const LINKS: &[u8] = b"GET /api/v1/federation/ws";
const UNAUTHORIZED: &[u8] = b"HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\n\
    content-length: 33\r\nconnection: close\r\n\r\n{\"error\":\"missing authorization\"}";

/// Maximum messages of a link that are not sent yet; more are lost, as an original home loses them.
const MESSAGES: usize = 65_536;

/// Home on a loopback port. Ends when it is dropped.
#[derive(Debug)]
pub struct OriginalHome {
    address: SocketAddr,
    state: Arc<State>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Public keys by key id, `FEDERATION_TRUSTED_KEYS` of the original.
    keys: Mutex<HashMap<String, Vec<u8>>>,
    spaces: Mutex<Spaces>,
    /// Requests and notifications received, in order.
    received: Mutex<Vec<(String, Value)>>,
    /// Statuses of upgrades, in order.
    upgrades: Mutex<Vec<u16>>,
    /// Writers of open links.
    links: Mutex<Vec<mpsc::Sender<Message>>>,
    /// Number of upgrades.
    count: watch::Sender<usize>,
}

impl OriginalHome {
    /// Starts a home at `address`, on a free port.
    ///
    /// # Panics
    /// If the address cannot be listened on.
    pub async fn start(address: Ipv4Addr) -> Self {
        let listener = TcpListener::bind((address, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let shared = state.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "the task ends with the home, and a set owns the links"
        )]
        let accepting = tokio::spawn(async move {
            let mut links = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let state = shared.clone();
                links.spawn(async move { state.serve(socket).await });
            }
        });
        Self { address, state, accepting }
    }

    /// Address on which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Trusts a key, as an entry `<key_id>=<key>` of its environment.
    pub fn trust(&self, key_id: &str, key: Vec<u8>) {
        self.state.keys.lock().insert(key_id.to_owned(), key);
    }

    /// Creates an empty space.
    pub fn create(&self, space: &str) {
        self.state.spaces.lock().create(space);
    }

    /// Writes a record, as a user of this server; the event goes to all links that watch the space.
    pub fn write(&self, space: &str, change: &Value) {
        let (_, event) = self.state.spaces.lock().write(space, std::slice::from_ref(change));
        self.state.notify(&event, None);
    }

    /// Forgets all but the first `cursor` changes of a space, as a restored backup does.
    pub fn restore(&self, space: &str, cursor: i64) {
        self.state.spaces.lock().restore(space, cursor);
    }

    /// Requests and notifications received so far: method and params.
    #[must_use]
    pub fn received(&self) -> Vec<(String, Value)> {
        self.state.received.lock().clone()
    }

    /// Params of the requests of one method so far.
    #[must_use]
    pub fn received_as(&self, method: &str) -> Vec<Value> {
        self.received().into_iter().filter(|(name, _)| name == method).map(|(_, params)| params).collect()
    }

    /// Statuses of the upgrades so far.
    #[must_use]
    pub fn upgrades(&self) -> Vec<u16> {
        self.state.upgrades.lock().clone()
    }

    /// Waits until there have been `count` upgrades.
    ///
    /// # Panics
    /// After a deadline.
    pub async fn wait_for_upgrades(&self, count: usize) {
        let mut seen = self.state.count.subscribe();
        crate::within("an upgrade", async {
            while self.upgrades().len() < count {
                seen.changed().await.expect("a running home");
            }
        })
        .await;
    }

    /// Ends all links as at the end of their lifetime.
    pub fn end_lifetimes(&self) {
        let close = CloseFrame { code: 4001.into(), reason: "connection timeout".into() };
        for link in self.state.links.lock().drain(..) {
            let _gone = link.try_send(Message::Close(Some(close.clone())));
        }
    }
}

impl Drop for OriginalHome {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl State {
    async fn serve(&self, mut socket: TcpStream) {
        let mut start = [0; LINKS.len()];
        // The first packet of a client has its whole request line.
        if !matches!(socket.peek(&mut start).await, Ok(length) if start[..length] == *LINKS) {
            // Unread bytes would make the close a reset, which may overtake the response.
            let _request = socket.read(&mut [0; 8192]).await;
            let _gone = socket.write_all(UNAUTHORIZED).await;
            return;
        }
        #[expect(clippy::result_large_err, reason = "the type of the library")]
        let upgrade = |request: &Request, response: Response| self.upgrade(request, response);
        let Ok(socket) = tokio_tungstenite::accept_hdr_async(socket, upgrade).await else { return };
        let (mut writer, mut reader) = socket.split();
        let (link, mut outgoing) = mpsc::channel::<Message>(MESSAGES);
        self.links.lock().push(link.clone());
        let write = async move {
            while let Some(message) = outgoing.recv().await {
                let is_last = message.is_close();
                if writer.send(message).await.is_err() || is_last {
                    return;
                }
            }
        };
        let read = async {
            while let Some(Ok(message)) = reader.next().await {
                if let Message::Binary(message) = message {
                    self.receive(&message, &link);
                }
            }
        };
        tokio::select! {
            () = write => {}
            () = read => {}
        }
        self.links.lock().retain(|other| !other.same_channel(&link));
        self.spaces.lock().forget(&link);
    }

    #[expect(clippy::result_large_err, reason = "the type of the library")]
    fn upgrade(&self, request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let status = match signature::verify(request.uri(), &header, &self.keys.lock()) {
            Ok(()) if header("sec-websocket-protocol").is_some_and(|all| all.contains(SUBPROTOCOL)) => 101,
            Ok(()) => 400,
            Err(_) => 401,
        };
        self.upgrades.lock().push(status);
        self.count.send_modify(|count| *count += 1);
        if status == 101 {
            let subprotocol = http::HeaderValue::from_static(SUBPROTOCOL);
            response.headers_mut().insert("sec-websocket-protocol", subprotocol);
            return Ok(response);
        }
        let rejected = http::Response::builder().status(status);
        // Texts of the original are plain.
        Err(rejected.body(Some("signature verification failed".to_owned())).expect("a response"))
    }

    fn receive(&self, message: &[u8], link: &mpsc::Sender<Message>) {
        let Ok(frame) = decode(message) else { return };
        if !frame.is_object() {
            return;
        }
        let method = frame["method"].as_str().unwrap_or_default().to_owned();
        let params = frame["params"].clone();
        self.received.lock().push((method.clone(), params.clone()));
        if frame["type"] == 0 {
            let reply = |frame: Value| {
                let _gone = link.try_send(binary(&frame));
            };
            let outcome = self.spaces.lock().call(&method, &params, link);
            for (name, data) in outcome.chunks {
                reply(json!({ "type": 3, "id": frame["id"], "name": name, "data": data }));
            }
            let (member, value) = match outcome.result {
                Ok(result) => ("result", result),
                Err((code, message)) => ("error", json!({ "code": code, "message": message })),
            };
            reply(json!({ "type": 1, "id": frame["id"], member: value }));
            for event in outcome.events {
                self.notify(&event, Some(link));
            }
        }
    }

    /// Sends a `sync` to the links that watch its space, but not to the one that caused it.
    fn notify(&self, event: &Value, except: Option<&mpsc::Sender<Message>>) {
        let frame = json!({ "type": 2, "method": "sync", "params": event });
        let space = event["space"].as_str().unwrap_or_default();
        for link in self.spaces.lock().watchers(space) {
            if !except.is_some_and(|except| except.same_channel(&link)) {
                let _gone = link.try_send(binary(&frame));
            }
        }
    }
}

fn binary(frame: &Value) -> Message {
    Message::Binary(Bytes::from(encode(frame)))
}
