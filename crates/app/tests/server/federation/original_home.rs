//! The server in front of an original home: the column of our F and an original H in federation §20.1.

use std::net::Ipv4Addr;

use less_sync_core::{Permission, SpaceId};
use less_sync_test_support::{
    Authority, Member, OriginalHome, RawClient, ReverseProxy, TestServer, create, random_space, within,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::fixture::Peer;
use crate::rpc_error::error;

/// An original home, and a server of ours that trusts it.
struct Pair {
    home: OriginalHome,
    server: TestServer,
    folder: TempDir,
    space: SpaceId,
    owner: Member,
}

impl Pair {
    async fn start() -> Self {
        let home = start_home().await;
        Self::with(home, |address| format!("ws_url = \"ws://{address}/api/v1/federation/ws\""), &[]).await
    }

    /// As [`Self::start`]; `line` is that of the peers file for the address of the home.
    async fn with(
        home: OriginalHome,
        line: impl FnOnce(std::net::SocketAddr) -> String,
        settings: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let peers = folder.path().join("peers.toml");
        // The key with which the home would dial us.
        let key = Peer::new(&home.address().ip().to_string(), 9);
        let text = format!("version = 1\n{}", key.table(&line(home.address())));
        std::fs::write(&peers, text).unwrap();
        let mut builder = TestServer::builder()
            .files()
            .setting("FEDERATION_DOMAIN", "f.example")
            .setting("FEDERATION_PEERS_FILE", &peers.display().to_string());
        for (name, value) in settings {
            builder = builder.setting(name, value);
        }
        let server = builder.start().await;
        let (key_id, key) = trusted_keys_entry(&server).await;
        home.trust(&key_id, key);
        let (space, owner) = (random_space(), Member::random());
        home.create(&space.to_string());
        Self { home, server, folder, space, owner }
    }

    fn name(&self) -> String {
        self.home.address().ip().to_string()
    }

    /// A new member of the space who is a user of our server, and their chain.
    async fn member(&self, user: &str) -> (RawClient, String) {
        let member = Member::random();
        let root = self.owner.ucan(self.space).sign();
        let chain = self.owner.ucan(self.space).to(&member).permission(Permission::Admin).proof(&root).sign();
        (self.server.raw_as(user, &member).await, chain)
    }

    async fn subscribe(&self, client: &mut RawClient, ucan: &str, since: i64) -> Value {
        let entry =
            json!({ "id": self.space.to_string(), "since": since, "ucan": ucan, "home_server": self.name() });
        client.call("subscribe", &json!({ "spaces": [entry] })).await["result"].clone()
    }

    /// A subscribed member.
    async fn watcher(&self, user: &str) -> (RawClient, String) {
        let (mut client, ucan) = self.member(user).await;
        let state = self.subscribe(&mut client, &ucan, 0).await;
        assert_eq!(state["spaces"][0]["id"], self.space.to_string(), "{state}");
        (client, ucan)
    }

    async fn pull(&self, client: &mut RawClient, ucan: &str, since: i64) -> (Vec<Value>, Value) {
        let entry = json!({ "id": self.space.to_string(), "since": since, "ucan": ucan });
        client.call_with_chunks("pull", &json!({ "spaces": [entry] })).await
    }
}

async fn start_home() -> OriginalHome {
    let [_, a, b, c, ..] = *uuid::Uuid::from_u128(rand::random()).as_bytes();
    OriginalHome::start(Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254))).await
}

/// Key id and public key, as its operator enters them at the original.
async fn trusted_keys_entry(server: &TestServer) -> (String, Vec<u8>) {
    use base64::Engine as _;
    let response = server.get("/.well-known/jwks.json").await;
    let document: Value = serde_json::from_slice(&response.body).unwrap();
    let key = &document["keys"][0];
    let x = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
    (key["kid"].as_str().unwrap().to_owned(), x)
}

/// Names of chunks with the cursors that they carry.
fn cursors(chunks: &[Value]) -> Vec<(&str, i64)> {
    let cursor = |chunk: &Value| chunk["data"]["cursor"].as_i64().unwrap();
    chunks.iter().map(|chunk| (chunk["name"].as_str().unwrap(), cursor(chunk))).collect()
}

/// Rows "link over ws", "key trust", "subscribe": the upgrade has four signed components, the era of the home is taken, no
/// optional feature is used, `since` is always there, and tokens stay on the link.
#[tokio::test]
async fn row_subscribe_works_over_ws_with_a_static_key() {
    let pair = Pair::start().await;
    pair.home.write(&pair.space.to_string(), &create(1, "a"));
    let (mut client, ucan) = pair.member("bob").await;
    let state = pair.subscribe(&mut client, &ucan, 0).await;
    let expected = json!({ "id": pair.space.to_string(), "cursor": 1, "key_generation": 1, "epoch": 1 });
    assert_eq!(state, json!({ "spaces": [expected] }));
    assert_eq!(pair.home.upgrades(), [101]);
    let methods: Vec<String> = pair.home.received().into_iter().map(|(method, _)| method).collect();
    assert!(
        methods[0] == "fed.hello" && methods[1..].iter().all(|method| method == "subscribe"),
        "{methods:?}"
    );
    for request in pair.home.received_as("subscribe") {
        let entry = &request["spaces"][0];
        assert_eq!((&entry["since"], &entry["ucan"]), (&json!(0), &json!(ucan)));
    }
}

/// Row "key trust": without our entry in its environment the original rejects us, and clients learn that the home is away.
#[tokio::test]
async fn row_key_trust_needs_an_entry_at_the_original() {
    let pair = Pair::start().await;
    pair.home.trust("https://f.example/.well-known/jwks.json#other", vec![0; 32]);
    let other = start_home().await;
    let stranger = Pair { home: other, ..pair };
    // The trusting home was replaced by one on another address, which knows no key.
    let text = format!(
        "version = 1\n[[peer]]\ndomain = \"{}\"\njwks_uri = \"\"\nws_url = \"ws://{}/api/v1/federation/ws\"\n",
        stranger.name(),
        stranger.home.address()
    );
    std::fs::write(stranger.folder.path().join("peers.toml"), text).unwrap();
    stranger.server.reload();
    let (mut client, ucan) = stranger.member("bob").await;
    within("the peers to be reloaded", async {
        loop {
            let state = stranger.subscribe(&mut client, &ucan, 0).await;
            if state["errors"][0]["error"] == "home_unavailable" && !stranger.home.upgrades().is_empty() {
                return;
            }
        }
    })
    .await;
    assert!(stranger.home.upgrades().iter().all(|status| *status == 401));
}

/// Row "link over wss", T-101, AU-5: the signature of the dialled URL is rejected once, that of `ws` accepted, and remembered.
#[tokio::test]
async fn row_wss_link_signs_ws_after_one_401() {
    let home = start_home().await;
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let files = authority.issue("proxy", "127.0.0.1");
    let (certificate, key) = (files.certificate.display(), files.key.display());
    let upstream = home.address();
    let proxy = ReverseProxy::nginx(|address| {
        format!(
            "server {{ listen {address} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; location / {{ \
             proxy_pass http://{upstream}; proxy_http_version 1.1; proxy_set_header Host $http_host; \
             proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }} }}"
        )
    })
    .await;
    let url = format!("ws_url = \"wss://{}/api/v1/federation/ws\"", proxy.address());
    let trusted = authority.certificate().display().to_string();
    let pair = Pair::with(home, |_| url, &[("FEDERATION_CA_FILE", &trusted)]).await;
    let (_bob, _) = pair.watcher("bob").await;
    assert_eq!(pair.home.upgrades(), [401, 101]);
    pair.home.end_lifetimes();
    pair.home.wait_for_upgrades(3).await;
    assert_eq!(pair.home.upgrades(), [401, 101, 101]);
}

/// Row "live sync": events of the home reach all clients, whose generation is the known one instead of 0.
#[tokio::test]
async fn row_live_sync_reaches_the_clients_of_this_server() {
    let pair = Pair::start().await;
    let (mut bob, _) = pair.watcher("bob").await;
    let (mut carol, _) = pair.watcher("carol").await;
    for index in 1..=20 {
        pair.home.write(&pair.space.to_string(), &create(index, "a"));
    }
    for client in [&mut bob, &mut carol] {
        for cursor in 1..=20 {
            let event = client.receive_notification("sync").await;
            assert_eq!((&event["prev"], &event["cursor"]), (&json!(cursor - 1), &json!(cursor)), "{event}");
        }
    }
}

/// Rows "push" and "pull": results and chunks of the home arrive as they are, and neighbours see the push at once.
#[tokio::test]
async fn row_push_and_pull_pass_through() {
    let pair = Pair::start().await;
    let (mut bob, ucan) = pair.watcher("bob").await;
    let (mut carol, _) = pair.watcher("carol").await;
    let pushed = bob.push_with(&pair.space.to_string(), &ucan, &[create(1, "a"), create(2, "b")]).await;
    assert_eq!(pushed, json!({ "ok": true, "cursor": 1 }));
    let again = bob.push_with(&pair.space.to_string(), &ucan, &[create(1, "a")]).await;
    assert_eq!(again, json!({ "ok": false, "error": "conflict" }));
    assert_eq!(carol.receive_notification("sync").await["records"].as_array().unwrap().len(), 2);
    let (chunks, end) = pair.pull(&mut bob, &ucan, 0).await;
    let expected = [("pull.begin", 1), ("pull.record", 1), ("pull.record", 1), ("pull.commit", 1)];
    assert_eq!(cursors(&chunks), expected);
    assert_eq!(end["result"], json!({ "_chunks": 4 }));
}

/// Row "membership, epoch, DEKs", INV-1, INV-3: nothing of it is applied here, and the code is one that clients keep their data on.
#[tokio::test]
async fn row_membership_epoch_and_deks_are_unsupported() {
    let pair = Pair::start().await;
    let (mut bob, ucan) = pair.watcher("bob").await;
    let space = pair.space.to_string();
    let unsupported = error("home_unsupported", "not supported by the home server");
    for (method, more) in [
        ("membership.list", json!({})),
        ("membership.revoke", json!({ "ucan_cid": less_sync_auth::ucan::cid(&ucan).to_hex() })),
        ("epoch.begin", json!({ "epoch": 2 })),
        ("epoch.complete", json!({ "epoch": 2 })),
        ("deks.get", json!({ "since": 0 })),
        ("file.deks.get", json!({ "since": 0 })),
        ("epochKeys.get", json!({ "epoch": 1 })),
    ] {
        let mut params = more;
        params
            .as_object_mut()
            .unwrap()
            .extend([("space".to_owned(), space.clone().into()), ("ucan".to_owned(), ucan.clone().into())]);
        let response = bob.call(method, &params).await;
        assert_eq!(response["error"], unsupported, "{method}: {response}");
    }
    assert_eq!(pair.home.received_as("membership.list"), Vec::<Value>::new(), "not even asked");
}

/// Row "files": 501.
#[tokio::test]
async fn row_files_are_not_implemented() {
    let pair = Pair::start().await;
    let member = Member::random();
    let root = pair.owner.ucan(pair.space).sign();
    let ucan = pair.owner.ucan(pair.space).to(&member).permission(Permission::Write).proof(&root).sign();
    let mut client = pair.server.raw_as("bob", &member).await;
    pair.subscribe(&mut client, &ucan, 0).await;
    let file = uuid::Uuid::from_u128(7);
    let url = format!("http://{}/api/v1/spaces/{}/files/{file}", pair.server.address(), pair.space);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.get(url).bearer_auth(pair.server.token_as("bob", &member)).header("X-UCAN", &ucan);
    assert_eq!(within("the response", request.send()).await.unwrap().status().as_u16(), 501);
}

/// Row "invitations": the result `{ok: true}` of the original, without a status, is success.
#[tokio::test]
async fn row_invitations_are_delivered() {
    let pair = Pair::start().await;
    let mut bob = pair.server.raw("bob").await;
    let server = format!("{}:{}", pair.name(), pair.home.address().port());
    let params = json!({ "mailbox_id": "b".repeat(64), "payload": "jwe", "server": server });
    let sent = bob.call("invitation.create", &params).await;
    assert_eq!(sent["result"]["id"], "forwarded", "{sent}");
    let delivered = &pair.home.received_as("fed.invitation")[0];
    assert_eq!(
        (&delivered["mailbox_id"], &delivered["payload"]),
        (&params["mailbox_id"], &params["payload"])
    );
}

/// Row `cursor_ahead`: the empty pair of a home that was restored is taken for it, and the space is read from its beginning.
#[tokio::test]
async fn row_cursor_ahead_is_made_of_the_empty_pair() {
    let pair = Pair::start().await;
    let (mut bob, ucan) = pair.watcher("bob").await;
    for index in 1..=5 {
        pair.home.write(&pair.space.to_string(), &create(index, "a"));
        bob.receive_notification("sync").await;
    }
    pair.home.restore(&pair.space.to_string(), 2);
    let (chunks, end) = pair.pull(&mut bob, &ucan, 5).await;
    let expected = [("pull.begin", 2), ("pull.record", 1), ("pull.record", 2), ("pull.commit", 2)];
    assert_eq!(cursors(&chunks), expected, "{end}");
    let entry = json!({ "id": pair.space.to_string(), "since": 5, "ucan": ucan });
    let strict = bob.call("pull", &json!({ "spaces": [entry], "on_cursor_ahead": "error" })).await;
    assert_eq!(strict["error"]["code"], "cursor_ahead", "{strict}");
}

/// Rows "lifetime close" and "catch-up", T-120: after 4001 the link is dialled again, and what was missed comes by a pull with a
/// cached UCAN or by a hint, although the original ignores `since`.
#[tokio::test]
async fn row_lifetime_close_is_followed_by_a_new_link() {
    let pair = Pair::start().await;
    let (mut bob, ucan) = pair.watcher("bob").await;
    pair.home.write(&pair.space.to_string(), &create(1, "a"));
    assert_eq!(bob.receive_notification("sync").await["cursor"], 1);
    pair.home.end_lifetimes();
    pair.home.write(&pair.space.to_string(), &create(2, "b"));
    pair.home.wait_for_upgrades(2).await;
    let mut at = 1;
    while at < 2 {
        let event = bob.receive_notification("sync").await;
        let is_hint = event["prev"] == event["cursor"];
        if is_hint {
            let (chunks, _) = pair.pull(&mut bob, &ucan, at).await;
            at = cursors(&chunks).last().unwrap().1;
        } else {
            at = event["cursor"].as_i64().unwrap();
        }
    }
    assert_eq!(at, 2);
    assert_eq!(pair.home.upgrades(), [101, 101]);
}
