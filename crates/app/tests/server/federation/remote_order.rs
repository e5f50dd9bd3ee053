//! Order of the requests on spaces that another server holds, beside those on others (federation FW-2, FW-6).

use std::io::Write as _;

use less_sync_core::Permission;
use less_sync_test_support::{Member, SharedSpace, TestServer, create, random_space, record_id};
use serde_json::json;
use tokio::net::TcpListener;

use super::remote_spaces::{pair, pin, pin_space};

/// FW-2, FM-7: while a home server accepts a connection and says nothing, the client's requests for other spaces go on.
#[tokio::test]
async fn fw_2_silent_home_holds_up_its_own_spaces_only() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut peers = tempfile::NamedTempFile::new().unwrap();
    let address = listener.local_addr().unwrap();
    writeln!(peers, "version = 1\n[[peer]]\ndomain = \"home.example\"\nws_url = \"ws://{address}/ws\"")
        .unwrap();
    let server = TestServer::builder()
        .embedded()
        // No time passes: nothing ends the wait for the home server.
        .manual_clock()
        .setting("FEDERATION_DOMAIN", "here.example")
        .setting("FEDERATION_PEERS_FILE", &peers.path().display().to_string())
        .start()
        .await;
    let (space, member) = (random_space(), Member::random());
    pin_space(&server, space, &member, "home.example");
    let (text, ucan) = (space.to_string(), member.ucan(space).sign());
    let mut client = server.raw_as("bob", &member).await;
    let remote = json!({ "space": text, "ucan": ucan });
    for method in ["membership.list", "epochKeys.get"] {
        let mut params = remote.clone();
        params["epoch"] = json!(1);
        client.request(method, &params).await;
    }
    client.request("push", &json!({ "space": text, "ucan": ucan, "changes": [create(1, "a")] })).await;
    let personal = server.space("bob");
    let own = json!({ "space": personal, "changes": [create(1, "a")] });
    assert_eq!(client.call("push", &own).await["result"]["ok"], true);
    let pull = json!({ "spaces": [{ "id": personal, "since": 0 }] });
    assert_eq!(client.call_with_chunks("pull", &pull).await.1["result"], json!({ "_chunks": 3 }));
    assert_eq!(client.call("invitation.list", &json!({})).await["result"]["invitations"], json!([]));
}

/// FW-6: mutations and reads of one space arrive at its home in the order in which the client has sent them.
#[tokio::test]
async fn fw_6_requests_for_a_remote_space_keep_their_order() {
    let cluster = pair().await;
    let space = SharedSpace::create(cluster.server(0)).await;
    let bob = Member::random();
    let ucan = space.invite(&bob, Permission::Write);
    pin(cluster.server(1), &space, &cluster.name(0));
    let mut client = cluster.server(1).raw_as("bob", &bob).await;
    for index in 0..10 {
        let changes = [create(index, "a")];
        client.request("push", &json!({ "space": space.text(), "ucan": ucan, "changes": changes })).await;
    }
    let entry = json!({ "id": space.text(), "since": 0, "ucan": ucan });
    let pull = client.request("pull", &json!({ "spaces": [entry] })).await;
    let (mut pushes, mut records) = (0, Vec::new());
    loop {
        let message = client.receive_rpc().await;
        if message["id"] != pull {
            assert_eq!(message["result"]["ok"], true, "{message}");
            pushes += 1;
        } else if message["name"] == "pull.record" {
            records.push((message["data"]["cursor"].clone(), message["data"]["id"].clone()));
        } else if message["result"].is_object() {
            break;
        }
    }
    let expected: Vec<_> = (0..10).map(|index| (json!(index + 1), json!(record_id(index)))).collect();
    assert_eq!(records, expected);
    assert!(pushes <= 10);
}
