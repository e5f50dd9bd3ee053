//! A server with file storage, a user with a record, and requests for files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, StatusCode};
use less_sync_test_support::{RawClient, TestServer, TestServerBuilder, create, within};
use reqwest::{RequestBuilder, Response};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

/// A server on which alice has the record [`RECORD`] in her personal space.
pub(crate) struct Fixture {
    pub(crate) server: TestServer,
    pub(crate) alice: RawClient,
    pub(crate) space: String,
    http: reqwest::Client,
}

/// The record that owns the files: number 1 of `create`.
pub(crate) fn record() -> String {
    less_sync_test_support::record_id(1)
}

/// An id that no file has yet.
pub(crate) fn fresh_id() -> String {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string()
}

/// A wrapped key of epoch 1 as a header has it.
pub(crate) fn dek(seed: u8) -> String {
    dek_of(1, seed)
}

/// The same, of another epoch.
pub(crate) fn dek_of(epoch: u32, seed: u8) -> String {
    STANDARD.encode(dek_bytes(epoch, seed))
}

/// A wrapped key.
pub(crate) fn dek_bytes(epoch: u32, seed: u8) -> [u8; 44] {
    let mut dek = [seed; 44];
    dek[..4].copy_from_slice(&epoch.to_be_bytes());
    dek
}

/// Bytes that differ everywhere.
pub(crate) fn content(length: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(&mut next).take(length.div_ceil(8)).flatten().collect();
    bytes.truncate(length);
    bytes.into()
}

/// SHA-256 digest in the syntax of a header.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(bytes)))
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(|server| server).await
    }

    pub(crate) async fn with(change: impl FnOnce(TestServerBuilder) -> TestServerBuilder) -> Self {
        Self::on(change(TestServer::builder().files()).start().await).await
    }

    pub(crate) async fn on(server: TestServer) -> Self {
        let (mut alice, space) = (server.raw("alice").await, server.space("alice"));
        alice.push_ok(&space, &[create(1, "owner")]).await;
        Self { server, alice, space, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// The same on a server that was stopped and started again.
    pub(crate) async fn restart(self) -> Self {
        let Self { server, alice, space, http } = self;
        drop(alice);
        let server = server.restart().await;
        let alice = server.raw("alice").await;
        Self { server, alice, space, http }
    }

    pub(crate) fn url(&self, space: &str, id: &str) -> String {
        format!("http://{}/api/v1/spaces/{space}/files/{id}", self.server.address())
    }

    /// An unauthenticated request.
    pub(crate) fn bare(&self, method: Method, space: &str, id: &str) -> RequestBuilder {
        self.http.request(method, self.url(space, id))
    }

    /// A request of alice for one of her files.
    pub(crate) fn ask(&self, method: Method, id: &str) -> RequestBuilder {
        self.bare(method, &self.space, id).bearer_auth(self.server.token("alice"))
    }

    /// An upload of alice, to be changed or sent.
    pub(crate) fn upload(&self, id: &str, bytes: impl Into<Bytes>) -> RequestBuilder {
        let bytes = bytes.into();
        self.streamed(id, bytes.len(), bytes)
    }

    /// An upload of alice with a `Content-Length` of `length`, independent of `body`.
    pub(crate) fn streamed(&self, id: &str, length: usize, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.ask(Method::PUT, id)
            .header("X-Record-ID", record())
            .header("X-Wrapped-DEK", dek(7))
            .header("Content-Length", length)
            .body(body)
    }

    /// Uploads a file of alice.
    pub(crate) async fn stored(&self, bytes: &Bytes) -> String {
        let id = fresh_id();
        let response = send(self.upload(&id, bytes.clone())).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        id
    }

    pub(crate) async fn get(&self, id: &str) -> Response {
        send(self.ask(Method::GET, id)).await
    }

    /// Returns when an upload has begun to write; it needs some 256 KiB for that.
    pub(crate) async fn until_an_object_is_written(&self) {
        let written = async {
            while self.objects().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        within("an object", written).await;
    }

    /// Waits until all objects are removed.
    pub(crate) async fn until_no_object_is_left(&self) {
        let gone = async {
            while !self.objects().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        within("the objects to go", gone).await;
    }

    /// Names of all objects that the server keeps, in order.
    pub(crate) fn objects(&self) -> Vec<String> {
        let root = self.server.folder().join("files/spaces");
        let mut names = Vec::new();
        for space in std::fs::read_dir(root).into_iter().flatten() {
            let files = space.unwrap().path().join("files");
            names.extend(
                std::fs::read_dir(files)
                    .into_iter()
                    .flatten()
                    .map(|file| file.unwrap().file_name().into_string().unwrap()),
            );
        }
        names.sort();
        names
    }
}

/// Sends a request in the background.
#[expect(clippy::disallowed_methods, reason = "the test owns it, and waits for it")]
pub(crate) fn sending(request: RequestBuilder) -> JoinHandle<reqwest::Result<Response>> {
    tokio::spawn(request.send())
}

/// Sends a request and returns the head of the response.
pub(crate) async fn send(request: RequestBuilder) -> Response {
    within("a response", request.send()).await.expect("a response")
}

/// The body of a response.
pub(crate) async fn body(response: Response) -> Bytes {
    within("a body", response.bytes()).await.expect("a whole body")
}

/// Asserts that the response is this error, in the common shape.
pub(crate) async fn rejected(request: RequestBuilder, status: u16, error: &str) {
    let response = send(request).await;
    let (got, body) = (response.status(), body(response).await);
    let expected = serde_json::json!({ "error": error }).to_string();
    assert_eq!((got.as_u16(), String::from_utf8_lossy(&body).as_ref()), (status, expected.as_str()));
}

/// The value of a header.
pub(crate) fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    let value = response.headers().get(name).unwrap_or_else(|| panic!("no {name} in {response:?}"));
    value.to_str().unwrap()
}
