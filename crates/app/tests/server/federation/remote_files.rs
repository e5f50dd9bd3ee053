//! Files of spaces that another server holds (federation §13).

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Method, StatusCode};
use less_sync_auth::federation::http_signature::{OutgoingRequest, SignatureHeaders, sign};
use less_sync_core::Permission;
use less_sync_engine::Clock as _;
use less_sync_test_support::{Cluster, Member, SharedSpace, TestServer, create, within};
use reqwest::{Client, RequestBuilder, Response};

use super::fixture::{Peer, trusting};
use super::remote_spaces::{pin, push};
use crate::files::fixture::{body, content, dek, digest, fresh_id, header, record, rejected, send};

/// Two servers with files; a space of the first one, and a member who signs in at the second one.
struct Remote<'c> {
    space: SharedSpace<'c>,
    server: &'c TestServer,
    bob: Member,
    ucan: String,
    http: Client,
}

async fn cluster() -> Cluster {
    Cluster::start_with(2, |_, builder| builder.embedded().files()).await
}

impl<'c> Remote<'c> {
    async fn new(cluster: &'c Cluster, permission: Permission) -> Self {
        let space = SharedSpace::create(cluster.server(0)).await;
        let (server, bob) = (cluster.server(1), Member::random());
        let ucan = space.invite(&bob, permission);
        pin(server, &space, &cluster.name(0));
        let mut owner = space.owner_client().await;
        assert_eq!(push(&mut owner, &space.text(), space.root(), &[create(1, "a")]).await["ok"], true);
        let http = Client::builder().no_proxy().build().unwrap();
        Self { space, server, bob, ucan, http }
    }

    /// A request of the member without a chain.
    fn bare(&self, method: Method, id: &str) -> RequestBuilder {
        let url = format!("http://{}/api/v1/spaces/{}/files/{id}", self.server.address(), self.space.text());
        self.http.request(method, url).bearer_auth(self.server.token_as("bob", &self.bob))
    }

    fn ask(&self, method: Method, id: &str) -> RequestBuilder {
        self.bare(method, id).header("X-UCAN", &self.ucan)
    }

    fn upload(&self, id: &str, bytes: &Bytes) -> RequestBuilder {
        self.streamed(id, bytes.len(), bytes.clone())
    }

    fn streamed(&self, id: &str, length: usize, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.ask(Method::PUT, id).header("X-Record-ID", record());
        request.header("X-Wrapped-DEK", dek(7)).header("Content-Length", length).body(body)
    }
}

/// Files of the folder of a server, whatever they are.
fn objects(server: &TestServer) -> usize {
    fn count(folder: &std::path::Path) -> usize {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
    }
    count(&server.folder().join("files"))
}

fn headers(response: &Response, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| header(response, name).to_owned()).collect()
}

/// T-109, FI-1, FI-3, FI-4: upload, download, ranges, conditions and deletion, as at the home server, and nothing stays here.
#[tokio::test]
async fn t_109_file_of_a_remote_space_passes_in_both_directions() {
    let cluster = cluster().await;
    let remote = Remote::new(&cluster, Permission::Write).await;
    let mut owner = remote.space.owner_client().await;
    owner.subscribe_with(&remote.space.text(), remote.space.root()).await;
    let (id, bytes) = (fresh_id(), content(3_000_000, 1));
    let created = send(remote.upload(&id, &bytes).header("Repr-Digest", digest(&bytes))).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(headers(&created, &["etag", "repr-digest"]), [format!("\"{id}\""), digest(&bytes)]);
    let event = owner.receive_notification("file").await;
    assert_eq!(event["files"][0]["id"], id, "{event}");
    assert_eq!(send(remote.upload(&id, &bytes)).await.status(), StatusCode::NO_CONTENT);
    let got = send(remote.ask(Method::GET, &id)).await;
    assert_eq!(got.status(), StatusCode::OK);
    let names = ["content-length", "etag", "x-wrapped-dek", "repr-digest", "content-type", "cache-control"];
    let at_home =
        format!("http://{}/api/v1/spaces/{}/files/{id}", cluster.server(0).address(), remote.space.text());
    let token = cluster.server(0).token_as("owner", remote.space.owner());
    let direct = remote.http.get(at_home).bearer_auth(token).header("X-UCAN", remote.space.root());
    assert_eq!(headers(&got, &names), headers(&send(direct).await, &names));
    assert_eq!(body(got).await, bytes);
    let part = send(remote.ask(Method::GET, &id).header("Range", "bytes=5-9")).await;
    assert_eq!(
        (part.status(), header(&part, "content-range")),
        (StatusCode::PARTIAL_CONTENT, "bytes 5-9/3000000")
    );
    assert_eq!(body(part).await, bytes.slice(5..10));
    let fresh = send(remote.ask(Method::GET, &id).header("If-None-Match", format!("\"{id}\""))).await;
    assert_eq!(
        (fresh.status(), header(&fresh, "x-wrapped-dek")),
        (StatusCode::NOT_MODIFIED, dek(7).as_str())
    );
    let head = send(remote.ask(Method::HEAD, &id)).await;
    assert_eq!((head.status(), header(&head, "content-length")), (StatusCode::OK, "3000000"));
    rejected(remote.ask(Method::GET, &id).header("Range", "bytes=3000000-"), 416, "range not satisfiable")
        .await;
    assert_eq!(send(remote.ask(Method::DELETE, &id)).await.status(), StatusCode::NO_CONTENT);
    rejected(remote.ask(Method::GET, &id), 404, "file not found").await;
    assert_eq!(objects(remote.server), 0, "INV-1");
}

/// Federation RT-4, §13.1: scope, chain and audience are checked here, and heads of uploads, before the home server is asked.
#[tokio::test]
async fn rt_4_file_requests_are_checked_before_they_are_relayed() {
    let cluster = cluster().await;
    let remote = Remote::new(&cluster, Permission::Read).await;
    let id = fresh_id();
    rejected(remote.bare(Method::GET, &id), 401, "authorization required").await;
    rejected(remote.bare(Method::GET, &id).header("X-UCAN", remote.space.root()), 403, "access denied").await;
    rejected(remote.upload(&id, &content(10, 1)), 403, "access denied").await;
    let url = format!("http://{}/api/v1/spaces/{}/files/{id}", remote.server.address(), remote.space.text());
    let claims = remote.server.issuer().claims("bob").with("did", remote.bob.did()).with("scope", "sync");
    let token = remote.server.issuer().mint(&claims);
    let scoped = remote.http.get(url).bearer_auth(token).header("X-UCAN", &remote.ucan);
    rejected(scoped, 403, "files scope required").await;
    rejected(remote.ask(Method::GET, &id), 404, "file not found").await;
}

/// TH-23, FM-3, FM-15, FM-16, T-422: failures of the way are never a 401 of the home server.
#[tokio::test]
async fn th_23_file_without_its_home_is_unavailable() {
    let cluster = cluster().await;
    let remote = Remote::new(&cluster, Permission::Write).await;
    cluster.trust(0, &[]);
    let id = fresh_id();
    let reloaded = async {
        loop {
            let response = send(remote.ask(Method::GET, &id)).await;
            if response.status() == StatusCode::NOT_IMPLEMENTED {
                break;
            }
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "the file, or the route");
        }
    };
    within("the peers of the home server to be reloaded", reloaded).await;
    rejected(remote.ask(Method::GET, &id), 501, "home server does not support federated files").await;
    cluster.trust(1, &[]);
    let reloaded =
        async { while send(remote.ask(Method::GET, &id)).await.status() != StatusCode::BAD_GATEWAY {} };
    within("the peers to be reloaded", reloaded).await;
    rejected(remote.upload(&id, &content(10, 1)), 502, "home server unavailable").await;
}

/// Federation FI-2, §13.3: an upload that its client cuts off leaves nothing at either server, and its response waits for no byte of it.
#[tokio::test]
async fn cut_upload_is_abandoned_at_the_home_server() {
    let cluster = cluster().await;
    let remote = Remote::new(&cluster, Permission::Write).await;
    let (id, bytes) = (fresh_id(), content(1_000_000, 2));
    let short = futures_util::stream::iter([Ok(bytes.clone()), Err(std::io::Error::other("cut"))]);
    let sent =
        within("the cut", remote.streamed(&id, 2_000_000, reqwest::Body::wrap_stream(short)).send()).await;
    assert!(sent.is_err() || sent.unwrap().status() == StatusCode::BAD_REQUEST);
    rejected(remote.ask(Method::GET, &id), 404, "file not found").await;
    let whole = send(remote.upload(&id, &bytes)).await;
    assert_eq!(whole.status(), StatusCode::CREATED);
    // The body of a repeat is not needed: the response precedes it.
    let endless =
        futures_util::stream::iter([Ok::<_, std::io::Error>(bytes)]).chain(futures_util::stream::pending());
    let repeat = remote.streamed(&id, 90_000_000, reqwest::Body::wrap_stream(endless));
    assert_eq!(send(repeat).await.status(), StatusCode::NO_CONTENT);
}

/// A request of a peer made by hand.
struct Signed {
    path: String,
    headers: Vec<(&'static str, String)>,
    signature: SignatureHeaders,
}

const HOST: &str = "home.example";

impl Signed {
    /// Signs a `GET` with these headers, of which the first `covered` ones are covered.
    fn new(
        peer: &Peer,
        server: &TestServer,
        path: &str,
        headers: &[(&'static str, &str)],
        covered: usize,
    ) -> Self {
        let url = format!("https://{HOST}{path}").parse().unwrap();
        let request = OutgoingRequest { method: "GET", url: &url, headers: &headers[..covered] };
        let signature = sign(&request, &peer.key_id, &peer.key, server.clock().now()).unwrap();
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { path: path.to_owned(), headers, signature }
    }

    fn request(&self, http: &Client, server: &TestServer) -> RequestBuilder {
        let mut request = http.get(format!("http://{}{}", server.address(), self.path)).header("Host", HOST);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let SignatureHeaders { signature_input, signature } = &self.signature;
        request.header("Signature-Input", signature_input).header("Signature", signature)
    }
}

/// Federation §7.7, §13.2, TH-24, T-424: signed, bound, covering each header of the file, and used once; a token of a user does not
/// count.
#[tokio::test]
async fn th_24_files_for_servers_take_signatures_only() {
    let peer = Peer::new("b.example", 1);
    let server = trusting(&[&peer]).files().start().await;
    let space = SharedSpace::create(&server).await;
    let bob = Member::random();
    let ucan = space.invite(&bob, Permission::Read);
    let path = format!("/api/v1/federation/spaces/{}/files/{}", space.text(), fresh_id());
    let http = Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}{path}", server.address());
    let by_token = http.get(&url).bearer_auth(server.token_as("bob", &bob)).header("X-UCAN", &ucan);
    rejected(by_token, 401, "signature verification failed").await;
    let id = [fresh_id(), fresh_id(), fresh_id(), fresh_id()];
    let good = Signed::new(&peer, &server, &path, &[("x-request-id", &id[0]), ("x-ucan", &ucan)], 2);
    rejected(good.request(&http, &server), 404, "file not found").await;
    rejected(good.request(&http, &server), 401, "signature verification failed").await;
    let uncovered = Signed::new(&peer, &server, &path, &[("x-request-id", &id[1]), ("x-ucan", &ucan)], 1);
    rejected(uncovered.request(&http, &server), 401, "signature verification failed").await;
    let unbound = Signed::new(&peer, &server, &path, &[("x-ucan", &ucan)], 1);
    rejected(unbound.request(&http, &server), 401, "signature verification failed").await;
    let without = Signed::new(&peer, &server, &path, &[("x-request-id", &id[2])], 1);
    rejected(without.request(&http, &server), 403, "access denied").await;
    let stranger = Peer::new("c.example", 2);
    let strange = Signed::new(&stranger, &server, &path, &[("x-request-id", &id[3]), ("x-ucan", &ucan)], 2);
    rejected(strange.request(&http, &server), 401, "signature verification failed").await;
    let client = format!("http://{}/api/v1/spaces/{}/files/{}", server.address(), space.text(), fresh_id());
    let signed = http.get(client).header("Signature", &good.signature.signature);
    rejected(signed, 401, "missing authorization").await;
}
