//! DIDs and mailboxes of one issuer, presented by another (auth §2.7).

use std::sync::Arc;

use less_sync_client::crypto::{Identity, Secret};
use less_sync_client::{AccessToken, Auth, Dialer, Endpoint, PullSpace};
use less_sync_core::{Cursor, Permission};
use less_sync_test_support::{
    Claims, Member, RawClient, SharedSpace, TestServer, TestServerBuilder, Upgrade, random_space, within,
};
use serde_json::{Value, json};

/// A second trusted issuer, which signs with the same keys.
const TWIN: &str = "https://twin.example";

const MAILBOX: &str = "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";

fn two_issuers() -> TestServerBuilder {
    TestServer::builder().also_trust(TWIN)
}

/// Token of the second issuer with these claims, for a user of its own.
fn twin_token(server: &TestServer, change: impl FnOnce(Claims) -> Claims) -> String {
    server.issuer().mint(&change(server.issuer().claims("mallory").with("iss", TWIN)))
}

async fn close_of(server: &TestServer, token: &str) -> (u16, String) {
    let mut client = RawClient::connect(server.address()).await;
    client.authenticate(token).await;
    client.receive_close().await
}

fn invalid() -> (u16, String) {
    (4000, "invalid auth token".to_owned())
}

/// Over HTTP, a request that passes authentication is for a file that does not exist.
async fn status(server: &TestServer, token: &str) -> u16 {
    let path = format!("/api/v1/spaces/{0}/files/{0}", random_space());
    let request = Upgrade::plain_get(&path).header("Authorization", &format!("Bearer {token}"));
    request.response(server.address()).await.status
}

async fn foreign_issuer_cannot_act_with_the_chain_of_a_did(server: TestServer) {
    let space = SharedSpace::create(&server).await;
    let foreign = twin_token(&server, |claims| claims.with("did", space.owner().did()));
    assert_eq!(close_of(&server, &foreign).await, invalid());
    assert_eq!(status(&server, &foreign).await, 401);
    let other = Member::random();
    let own = twin_token(&server, |claims| claims.with("did", other.did()));
    let mut mallory = server.raw_with_token(&own).await;
    let refreshed = mallory.call("token.refresh", &json!({ "token": foreign })).await;
    assert_eq!(refreshed["result"], json!({ "ok": false, "error": "invalid auth token" }));
    // The chain without the DID is worth nothing.
    let params = json!({ "space": space.text(), "ucan": space.root() });
    assert_eq!(mallory.call("membership.list", &params).await["error"]["code"], "forbidden");
    assert!(space.owner_client().await.call("membership.list", &params).await["result"].is_object());
    // Bindings outlast a restart.
    let did = space.owner().did().to_owned();
    let server = server_after_restart(server).await;
    assert_eq!(close_of(&server, &twin_token(&server, |claims| claims.with("did", did))).await, invalid());
    assert_eq!(close_of(&server, &server.token_as("owner", &other)).await, invalid());
}

async fn server_after_restart(server: TestServer) -> TestServer {
    server.restart().await
}

#[tokio::test]
async fn foreign_issuer_cannot_act_with_the_chain_of_a_did_with_sqlite() {
    let server = two_issuers().embedded().files().start().await;
    Box::pin(foreign_issuer_cannot_act_with_the_chain_of_a_did(server)).await;
}

#[tokio::test]
async fn foreign_issuer_cannot_act_with_the_chain_of_a_did_with_postgres() {
    let server = two_issuers().postgres().files().start().await;
    Box::pin(foreign_issuer_cannot_act_with_the_chain_of_a_did(server)).await;
}

#[tokio::test]
async fn foreign_issuer_can_neither_list_nor_delete_an_invitation() {
    let server = two_issuers().start().await;
    let token = server.issuer().mint(&server.issuer().claims("bob").mailbox(MAILBOX));
    let mut bob = server.raw_with_token(&token).await;
    bob.assert_alive().await;
    let mut alice = server.raw("alice").await;
    let params = json!({ "mailbox_id": MAILBOX, "payload": "sealed" });
    let sent = alice.call("invitation.create", &params).await["result"]["id"].clone();
    assert!(sent.is_string());
    let foreign = twin_token(&server, |claims| claims.mailbox(MAILBOX));
    assert_eq!(close_of(&server, &foreign).await, invalid());
    assert_eq!(ids(&bob.call("invitation.list", &json!({})).await), std::slice::from_ref(&sent));
    assert_eq!(bob.call("invitation.delete", &json!({ "id": sent })).await["result"], json!({}));
}

fn ids(response: &Value) -> Vec<Value> {
    response["result"]["invitations"].as_array().unwrap().iter().map(|each| each["id"].clone()).collect()
}

/// Even where every issuer may name every mailbox, each has connections of its own.
#[tokio::test]
async fn connections_of_a_foreign_issuer_do_not_use_up_those_of_a_mailbox() {
    let server = two_issuers().setting("DID_ISSUERS", "any");
    let server = server.limits(|limits| limits.max_connections_per_mailbox = 1).start().await;
    let foreign = twin_token(&server, |claims| claims.mailbox(MAILBOX));
    server.raw_with_token(&foreign).await.assert_alive().await;
    let mut mallory = server.raw_with_token(&foreign).await;
    mallory.assert_alive().await;
    let too_many = (4003, "too many connections".to_owned());
    assert_eq!(close_of(&server, &foreign).await, too_many);
    let token = server.issuer().mint(&server.issuer().claims("bob").mailbox(MAILBOX));
    let mut bob = server.raw_with_token(&token).await;
    bob.assert_alive().await;
    assert_eq!(close_of(&server, &token).await, too_many);
}

async fn challenge_of(server: &TestServer) -> Option<String> {
    let (response, _client) = Upgrade::offering(&["less-rpc-v1"]).send(server.address()).await;
    response.header("x-auth-challenge").map(str::to_owned)
}

#[tokio::test]
async fn challenge_is_offered_only_where_it_has_an_effect() {
    assert_eq!(challenge_of(&TestServer::start().await).await, None);
    assert_eq!(challenge_of(&two_issuers().setting("DID_ISSUERS", "any").start().await).await, None);
    let one = TestServer::builder().setting("DID_ISSUERS", "first").start().await;
    assert!(challenge_of(&one).await.is_some());
    let server = two_issuers().start().await;
    assert_ne!(challenge_of(&server).await, challenge_of(&server).await);
}

/// Dials with the client crate, which answers the challenge, and pulls.
async fn dial(server: &TestServer, identity: &Arc<Identity>, token: &str) -> bool {
    let endpoint = Endpoint::from_base(&format!("http://{}/api/v1", server.address())).unwrap();
    let dialer = Dialer::new(endpoint).with_identity(Arc::clone(identity));
    let dialled = dialer.dial(Auth::Token(AccessToken::from(token))).await;
    let (connection, _events) = dialled.unwrap();
    let pull = connection.pull(&[PullSpace::from(server.space_id("owner"), Cursor::ZERO)]).await;
    match pull {
        Ok(mut pull) => {
            within("the pull", async {
                let mut is_good = true;
                while let Some(item) = pull.next().await {
                    is_good &= item.is_ok();
                }
                is_good
            })
            .await
        }
        Err(_) => false,
    }
}

#[tokio::test]
async fn proof_of_the_key_settles_a_squatted_did() {
    let server = two_issuers().start().await;
    let identity = Arc::new(Identity::from_secret(Secret::from_bytes([7; 32])).unwrap());
    let did = identity.did().as_str();
    let squatting = twin_token(&server, |claims| claims.with("did", did));
    server.raw_with_token(&squatting).await.assert_alive().await;
    let token = server.issuer().mint(&server.issuer().claims("owner").with("did", did));
    assert_eq!(close_of(&server, &token).await, invalid());
    // A client that knows no challenge, one with another key, and the holder of the key.
    let mut wrong = RawClient::connect(server.address()).await;
    let proof = less_sync_test_support::bytes([1; 64]);
    wrong.notify("auth", &json!({ "token": token, "did_proof": proof })).await;
    assert_eq!(wrong.receive_close().await, invalid());
    let other = Arc::new(Identity::from_secret(Secret::from_bytes([8; 32])).unwrap());
    assert!(!dial(&server, &other, &token).await);
    assert!(dial(&server, &identity, &token).await);
    // Settled: the owner needs no proof any more, and the other issuer is out.
    server.raw_with_token(&token).await.assert_alive().await;
    assert_eq!(close_of(&server, &squatting).await, invalid());
}

/// Clients of single-issuer servers, and chains of members, are as before.
#[tokio::test]
async fn members_of_the_first_issuer_work_as_before() {
    let server = two_issuers().start().await;
    let space = SharedSpace::create(&server).await;
    let member = Member::random();
    let ucan = space.invite(&member, Permission::Write);
    for _ in 0..2 {
        let mut client = server.raw_as("bob", &member).await;
        assert_eq!(client.subscribe_with(&space.text(), &ucan).await["id"], space.text());
    }
}
