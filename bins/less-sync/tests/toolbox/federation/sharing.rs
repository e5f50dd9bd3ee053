//! A space of users on two servers that trust each other.

use less_sync_core::CanonicalDomain;
use less_sync_test_support::Cluster;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::program::{Shell as _, stderr};
use crate::sharing::toolbox_user::{ToolboxUser, texts};

/// Two servers, each with an issuer and a file storage of its own.
async fn two_servers() -> Cluster {
    Cluster::start_with(2, |_, builder| builder.files()).await
}

/// Address of a user for users of other servers, as the program prints it.
async fn address_at(user: &ToolboxUser, server: &str) -> String {
    let address = user.result(&["identity", "--at", server]).await["address"].clone();
    address.as_str().unwrap().to_owned()
}

async fn invite(from: &ToolboxUser, address: &str, right: &str) -> Value {
    from.result(&["space", "invite", address, "--as", right]).await
}

/// Alice and Bob, whose servers differ, in a space of Alice's server.
struct Shared {
    cluster: Cluster,
    alice: ToolboxUser,
    bob: ToolboxUser,
    space: String,
}

impl Shared {
    async fn new(right: &str) -> Self {
        let cluster = two_servers().await;
        let alice = ToolboxUser::new(cluster.server(0), "alice");
        let bob = ToolboxUser::new(cluster.server(1), "bob");
        let space = alice.create("notes").await;
        alice.push(&space, "before he came").await;
        invite(&alice, &address_at(&bob, &cluster.name(1)).await, right).await;
        bob.accept().await;
        Self { cluster, alice, bob, space }
    }
}

/// C34, T-102: the server of the invitee learns the home of the space from the invitation alone.
#[tokio::test(flavor = "multi_thread")]
async fn member_on_another_server_reads_writes_and_watches() {
    let Shared { alice, bob, space, cluster: _cluster } = Shared::new("write").await;
    let listed = bob.result(&["space", "list"]).await;
    assert_eq!((&listed["name"], &listed["permission"]), (&json!("notes"), &json!("write")));
    let mut his = bob.tail(&["--since", "0", "--space", &space]).await;
    let mut hers = alice.tail(&["--since", "0", "--space", &space]).await;
    for tail in [&mut his, &mut hers] {
        assert_eq!(tail.text().await, "before he came");
    }
    alice.push(&space, "from her server").await;
    bob.push(&space, "from his").await;
    for tail in [&mut his, &mut hers] {
        assert_eq!([tail.text().await, tail.text().await], ["from her server", "from his"]);
    }
    alice.result(&["space", "rotate"]).await;
    alice.push(&space, "under a new key").await;
    assert_eq!(his.text().await, "under a new key");
    let all = ["before he came", "from her server", "from his", "under a new key"];
    for person in [&alice, &bob] {
        assert_eq!(person.texts(&space).await, all);
    }
    for person in [&alice, &bob] {
        let mut members: Vec<String> =
            person.results(&["space", "members"]).await.iter().map(member).collect();
        members.sort();
        assert_eq!(members, ["alice admin true", "bob write true"]);
    }
}

fn member(line: &Value) -> String {
    format!("{} {} {}", line["name"].as_str().unwrap(), line["permission"].as_str().unwrap(), line["joined"])
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_shared_between_two_servers() {
    let Shared { alice, bob, space, cluster: _cluster } = Shared::new("write").await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    // Several segments of encryption.
    let content: Vec<u8> = (0..251).cycle().take(3_000_000).collect();
    let mut his = bob.tail(&["--since", "0", "--space", &space]).await;
    for (from, to, name) in [(&alice, &bob, "hers.bin"), (&bob, &alice, "his.bin")] {
        std::fs::write(path(name), &content).unwrap();
        from.result(&["file", "put", "--space", &space, &path(name)]).await;
        to.result(&["file", "get", "--space", &space, name, "-o", &path("got")]).await;
        assert!(std::fs::read(path("got")).unwrap() == content, "{name}");
        his.until_kind("file").await;
    }
    let names: Vec<Value> = bob.results(&["file", "ls", "--space", &space]).await;
    assert_eq!(names.len(), 2, "{names:?}");
}

/// C34, INV-3: the rights end at both servers at once.
#[tokio::test(flavor = "multi_thread")]
async fn removed_member_on_another_server_reads_nothing_more() {
    let Shared { alice, bob, space, cluster: _cluster } = Shared::new("write").await;
    let tail = bob.tail(&["--since", "0", "--space", &space]).await;
    alice.result(&["space", "revoke", bob.did()]).await;
    let text = tail.fails().await;
    assert!(text.contains(&format!("access to space {space} has ended: ")), "{text}");
    alice.push(&space, "without bob").await;
    let expected = format!("error: no access to space {space}: the rights were revoked or have expired\n");
    let (code, text) = bob.failure(&["pull", "--space", &space]).await;
    assert!(code == 1 && text.starts_with(&expected), "{text}");
    let rejected = stderr(&bob.push_output(&space, "x").await);
    assert!(rejected.starts_with(&expected), "{rejected}");
    assert_eq!(bob.result(&["space", "list"]).await["permission"], "revoked");
    assert_eq!(alice.texts(&space).await, ["before he came", "without bob"]);
}

/// C20: an administrator on another server invites, removes and rotates as one at the home.
#[tokio::test(flavor = "multi_thread")]
async fn administrator_on_another_server_invites_rotates_and_removes() {
    let Shared { cluster, alice, bob, space } = Shared::new("admin").await;
    let carol = ToolboxUser::new(cluster.server(0), "carol");
    let dave = ToolboxUser::new(cluster.server(1), "dave");
    invite(&bob, &address_at(&carol, &cluster.name(0)).await, "write").await;
    bob.invite(&dave, "write").await;
    for person in [&carol, &dave] {
        person.accept().await;
        person.push(&space, "here").await;
    }
    bob.result(&["space", "rotate"]).await;
    bob.push(&space, "under a new key").await;
    let all = ["before he came", "here", "here", "under a new key"];
    for person in [&alice, &bob, &carol, &dave] {
        assert_eq!(person.texts(&space).await, all);
    }
    for gone in [&carol, &dave] {
        let mut tail = gone.tail(&["--space", &space]).await;
        bob.result(&["space", "revoke", gone.did()]).await;
        tail.until(|line| line["method"] == "revoked").await;
    }
    bob.push(&space, "between two").await;
    assert_eq!(alice.texts(&space).await.last().unwrap(), "between two");
}

/// Federation §2.4, ID-6: an address names its server with or without a port; trust has none.
#[tokio::test(flavor = "multi_thread")]
async fn server_of_an_address_has_a_port_or_none() {
    let cluster = two_servers().await;
    let alice = ToolboxUser::new(cluster.server(0), "alice");
    for (user, port) in [("bob", ""), ("carol", ":5379")] {
        let user = ToolboxUser::new(cluster.server(1), user);
        let space = alice.create("notes").await;
        let server: CanonicalDomain = format!("{}{port}", cluster.name(1)).parse().unwrap();
        let address = address_at(&user, &server.to_string()).await;
        assert_eq!(address, user.address.clone().at(server.clone()).to_string());
        let invited = alice.result(&["space", "invite", &address, "--space", &space]).await;
        assert_eq!(invited["server"], server.to_string());
        assert_eq!(invited.get("invitation"), None);
        assert_eq!(user.accept().await["space"], space.as_str());
        alice.push(&space, "hello").await;
        assert_eq!(texts(&user.results(&["pull", "--space", &space]).await), ["hello"]);
    }
}

/// The own server in an address is local delivery, whether or not the server federates with others.
#[tokio::test(flavor = "multi_thread")]
async fn address_with_the_own_server_is_a_local_one() {
    let cluster = two_servers().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(cluster.server(0), user));
    let space = alice.create("notes").await;
    let invited = invite(&alice, &address_at(&bob, &cluster.name(0)).await, "write").await;
    assert_eq!(invited["server"], Value::Null);
    assert_eq!(bob.accept().await["invitation"], invited["invitation"]);
    bob.push(&space, "hello").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invitation_to_a_server_without_trust_fails_with_its_reason() {
    let cluster = two_servers().await;
    let alice = ToolboxUser::new(cluster.server(0), "alice");
    let bob = ToolboxUser::new(cluster.server(1), "bob");
    alice.create("notes").await;
    let address = address_at(&bob, "stranger.example").await;
    let (code, text) = alice.failure(&["space", "invite", &address]).await;
    assert!(code == 1 && text.contains("target server is not a trusted federation peer"), "{text}");
    // Carol's server has no peers.
    let alone = less_sync_test_support::TestServer::start().await;
    let carol = ToolboxUser::new(&alone, "carol");
    carol.create("notes").await;
    let (code, text) = carol.failure(&["space", "invite", &address]).await;
    assert!(code == 1 && text.contains("federation is not enabled on this server"), "{text}");
}
