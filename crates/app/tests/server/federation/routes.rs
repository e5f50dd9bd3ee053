//! Search for the homes of spaces that have no row here (federation §11).

use less_sync_core::Permission;
use less_sync_storage::HINT_TAG;
use less_sync_test_support::{
    Cluster, Member, RawClient, SharedSpace, TestServer, bytes, create, random_space,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::rpc_error::error;

const MAILBOX: &str = "9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f";

async fn cluster(count: usize) -> Cluster {
    Cluster::start_with(count, |_, builder| builder.embedded()).await
}

/// A space with a member, and the chain of the member.
async fn shared_space(home: &TestServer) -> (SharedSpace<'_>, Member, String) {
    let space = SharedSpace::create(home).await;
    let member = Member::random();
    let ucan = space.invite(&member, Permission::Write);
    (space, member, ucan)
}

/// Connection of `member` with [`MAILBOX`].
async fn bob(server: &TestServer, member: &Member) -> RawClient {
    let claims = server.issuer().claims("bob").with("did", member.did()).mailbox(MAILBOX);
    server.raw_with_token(&server.issuer().mint(&claims)).await
}

/// Invites [`MAILBOX`] on another server; `tag` as given by the inviting client.
async fn invite(from: &TestServer, to: &str, tag: Option<[u8; HINT_TAG]>) {
    let mut alice = from.raw("alice").await;
    // Equal invitations would be delivered once (federation IV-1).
    let payload = random_space().to_string();
    let mut params = json!({ "mailbox_id": MAILBOX, "payload": payload, "server": to });
    if let Some(tag) = tag {
        params["tag"] = bytes(tag);
    }
    let sent = alice.call("invitation.create", &params).await;
    assert_eq!(sent["result"]["id"], "forwarded", "{sent}");
}

fn tag(space: &SharedSpace<'_>) -> [u8; HINT_TAG] {
    let digest = Sha256::digest([b"less-sync:space-hint:v1\0", &space.id().as_bytes()[..]].concat());
    digest[..HINT_TAG].try_into().unwrap()
}

async fn push(client: &mut RawClient, space: &str, ucan: &str, home: Option<&str>) -> Value {
    let params = json!({ "space": space, "ucan": ucan, "changes": [create(1, "a")], "home_server": home });
    client.call("push", &params).await["result"].clone()
}

async fn list(client: &mut RawClient, space: &str, ucan: &str) -> Value {
    client.call("membership.list", &json!({ "space": space, "ucan": ucan })).await
}

/// Home and root key of the row of a space.
fn route(server: &TestServer, space: &SharedSpace<'_>) -> Option<(Option<String>, Vec<u8>)> {
    let db = rusqlite::Connection::open(server.database_url().strip_prefix("sqlite:").unwrap()).unwrap();
    let select = "SELECT home_server, root_public_key FROM spaces WHERE id = ?1";
    db.query_row(select, [space.id().as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).ok()
}

fn links_dialled(server: &TestServer) -> bool {
    server.metrics().render().lines().any(|line| line == "federation_links_dialled 1")
}

/// T-103, RT-1, RT-3, row 4: the server that the client names is asked, and its space pinned with the root key of the chain.
#[tokio::test]
async fn t_103_named_home_is_asked_and_pinned() {
    let cluster = cluster(2).await;
    let (home, federated) = (cluster.server(0), cluster.server(1));
    let (space, member, ucan) = shared_space(home).await;
    let mut client = federated.raw_as("bob", &member).await;
    let unknown = push(&mut client, &space.text(), &ucan, None).await;
    assert_eq!(unknown["error"], "home_unavailable", "no candidate: {unknown}");
    let named = format!("https://{}:5379/x", cluster.name(0));
    let pushed = push(&mut client, &space.text(), &ucan, Some(&named)).await;
    assert_eq!((&pushed["ok"], &pushed["cursor"]), (&json!(true), &json!(1)), "{pushed}");
    let root = space.owner().root_key().as_bytes().to_vec();
    assert_eq!(route(federated, &space), Some((Some(named), root)));
    let members = list(&mut client, &space.text(), &ucan).await;
    assert_eq!(members["result"]["metadata_version"], 0, "the route stays: {members}");
}

/// T-102: an invitation from the home is enough, without a word from the client.
#[tokio::test]
async fn t_102_home_is_found_by_an_invitation() {
    let cluster = cluster(2).await;
    let (home, federated) = (cluster.server(0), cluster.server(1));
    let (space, member, ucan) = shared_space(home).await;
    invite(home, &cluster.name(1), None).await;
    let mut client = bob(federated, &member).await;
    assert_eq!(push(&mut client, &space.text(), &ucan, None).await["ok"], true);
    let (pinned, _) = route(federated, &space).unwrap();
    assert_eq!(pinned, Some(cluster.name(0)));
}

/// T-103, RT-2: with a tag nobody but the right server learns of the space; without one all that have invited are asked.
#[tokio::test]
async fn t_103_tag_keeps_the_space_from_other_servers() {
    let cluster = cluster(3).await;
    let (home, federated, other) = (cluster.server(0), cluster.server(1), cluster.server(2));
    let [tagged, untagged] = [SharedSpace::create(home).await, SharedSpace::create(home).await];
    let member = Member::random();
    invite(home, &cluster.name(1), Some(tag(&tagged))).await;
    invite(home, &cluster.name(1), None).await;
    invite(other, &cluster.name(1), None).await;
    let mut client = bob(federated, &member).await;
    let ucan = tagged.invite(&member, Permission::Write);
    assert_eq!(push(&mut client, &tagged.text(), &ucan, None).await["ok"], true);
    assert!(links_dialled(federated), "only the home");
    let ucan = untagged.invite(&member, Permission::Write);
    assert_eq!(push(&mut client, &untagged.text(), &ucan, None).await["ok"], true);
    assert!(!links_dialled(federated), "the other server was asked too, first");
}

/// FM-14, T-314, INV-3, row 6: a space that nobody holds is `not_found` to its member, and `forbidden` to nobody who has a good chain.
#[tokio::test]
async fn fm_14_space_that_is_nowhere_is_not_found() {
    let cluster = cluster(2).await;
    let federated = cluster.server(1);
    invite(cluster.server(0), &cluster.name(1), None).await;
    let member = Member::random();
    let mut client = bob(federated, &member).await;
    let lost = random_space();
    let ucan = member.ucan(lost).sign();
    let miss = list(&mut client, &lost.to_string(), &ucan).await;
    assert_eq!(miss["error"], error("not_found", "space not found"));
    let stranger = Member::random().ucan(lost).sign();
    let stolen = list(&mut client, &lost.to_string(), &stranger).await;
    assert_eq!(stolen["error"], error("forbidden", "forbidden"), "RT-1: audience is somebody else");
}

/// RT-2: a candidate that cannot be asked may be the home.
#[tokio::test]
async fn home_that_cannot_be_asked_is_unavailable() {
    let cluster = cluster(2).await;
    let (home, federated) = (cluster.server(0), cluster.server(1));
    let (space, member, ucan) = shared_space(home).await;
    invite(home, &cluster.name(1), None).await;
    // The home does not trust the asking server any more: its upgrades are rejected.
    cluster.trust(0, &[]);
    let mut client = bob(federated, &member).await;
    let list = list(&mut client, &space.text(), &ucan).await;
    assert_eq!(list["error"], error("home_unavailable", "home server unavailable"));
    assert_eq!(route(federated, &space), None);
}

/// TH-17, federation §11.1: a client that names another home than the stored one gets `conflict`, for local spaces as well.
#[tokio::test]
async fn th_17_other_home_than_the_stored_one_is_a_conflict() {
    let cluster = cluster(3).await;
    let (home, federated) = (cluster.server(0), cluster.server(1));
    let (space, member, ucan) = shared_space(home).await;
    let mut client = federated.raw_as("bob", &member).await;
    let params = |home: &str| json!({ "space": space.text(), "ucan": ucan, "home_server": home });
    let first = client.call("membership.list", &params(&cluster.name(0))).await;
    assert!(first["error"].is_null(), "{first}");
    let conflict = error("conflict", "home server conflict");
    for other in [cluster.name(2), cluster.name(1), "no server".to_owned()] {
        assert_eq!(client.call("membership.list", &params(&other)).await["error"], conflict, "{other}");
    }
    let mut local = home.raw_as("bob", &member).await;
    assert_eq!(local.call("membership.list", &params(&cluster.name(1))).await["error"], conflict);
    let own = local.call("membership.list", &params(&cluster.name(0))).await;
    assert!(own["error"].is_null(), "{own}");
}

/// TH-5, T-405: servers that are no peers are not dialled, whatever a client names.
#[tokio::test]
async fn th_5_only_peers_are_asked() {
    let cluster = cluster(2).await;
    let federated = cluster.server(1);
    let member = Member::random();
    let mut client = federated.raw_as("bob", &member).await;
    let lost = random_space();
    let ucan = member.ucan(lost).sign();
    for named in ["127.0.0.9:1", "ws://169.254.169.254/x", "https://[::1]:9", "stranger.example"] {
        let params = json!({ "space": lost.to_string(), "ucan": ucan, "home_server": named });
        let miss = client.call("membership.list", &params).await;
        assert_eq!(miss["error"], error("not_found", "space not found"), "{named}");
    }
    let samples = federated.metrics().render();
    assert!(samples.lines().any(|line| line == "federation_links_dialled 0"), "{samples}");
}
