//! Reads of spaces that another server holds (federation §12.4).

use less_sync_core::Permission;
use less_sync_test_support::{
    Cluster, Member, RawClient, SharedSpace, bytes, create, delete, random_space, record_id, within,
};
use serde_json::{Value, json};

use super::remote_spaces::{pair, pin, push, records};
use crate::rpc_error::error;
use crate::shared::log::append;

/// A space of the first server of a cluster, and a client of a member at the second one.
async fn joined(cluster: &Cluster, permission: Permission) -> (SharedSpace<'_>, RawClient, String) {
    let space = SharedSpace::create(cluster.server(0)).await;
    let bob = Member::random();
    let ucan = space.invite(&bob, permission);
    pin(cluster.server(1), &space, &cluster.name(0));
    let client = cluster.server(1).raw_as("bob", &bob).await;
    (space, client, ucan)
}

fn names(chunks: &[Value]) -> Vec<&str> {
    chunks.iter().map(|chunk| chunk["name"].as_str().unwrap()).collect()
}

fn entry(id: &str, since: i64, ucan: &str) -> Value {
    json!({ "id": id, "since": since, "ucan": ucan })
}

/// T-118, C32, ID-8: local and remote spaces in one request, in its order; the rows are those of the home server, and stored there
/// only.
#[tokio::test]
async fn t_118_pull_streams_local_and_remote_spaces_in_order() {
    let cluster = pair().await;
    let (space, mut client, ucan) = joined(&cluster, Permission::Read).await;
    let mut owner = space.owner_client().await;
    let (mut keyed, dek) = (create(1, "a"), bytes([&[0, 0, 0, 1][..], &[5; 40]].concat()));
    keyed["dek"] = dek.clone();
    assert_eq!(push(&mut owner, &space.text(), space.root(), &[keyed, create(2, "b")]).await["ok"], true);
    assert_eq!(push(&mut owner, &space.text(), space.root(), &[delete(2, 1)]).await["ok"], true);
    let log = append(&space.text(), space.root(), 0, None, "entry");
    assert_eq!(owner.call("membership.append", &log).await["result"]["chain_seq"], 1);
    let personal = cluster.server(1).space("bob");
    client.push_ok(&personal, &[create(1, "mine")]).await;
    let spelled = space.text().to_uppercase();
    let unknown = random_space().to_string();
    let spaces =
        json!([entry(&spelled, 1, &ucan), entry(&unknown, 0, &ucan), { "id": personal, "since": 0 }]);
    let (chunks, response) = client.call_with_chunks("pull", &json!({ "spaces": spaces })).await;
    let own = json!({ "spaces": [entry(&spelled, 1, space.root())] });
    let (expected, _) = owner.call_with_chunks("pull", &own).await;
    assert_eq!(names(&expected), ["pull.begin", "pull.record", "pull.membership", "pull.commit"]);
    let data = |chunks: &[Value]| chunks.iter().map(|chunk| chunk["data"].clone()).collect::<Vec<_>>();
    assert_eq!(data(&chunks[..4]), data(&expected));
    assert_eq!(names(&chunks[4..]), ["pull.begin", "pull.record", "pull.commit"]);
    assert_eq!(response["result"], json!({ "_chunks": 7 }));
    assert_eq!(records(cluster.server(1), &space), 0, "INV-1");
    let first = json!({ "spaces": [entry(&space.text(), 0, &ucan)] });
    let (chunks, _) = client.call_with_chunks("pull", &first).await;
    assert_eq!(chunks[1]["data"]["dek"], dek, "both names (newer-clients §9)");
    assert_eq!(chunks[1]["data"]["wrapped_dek"], dek);
}

/// Federation §12.7, protocol §4.4: a client ahead of its space gets all of it again, or the error that it asked for.
#[tokio::test]
async fn client_ahead_of_a_remote_space_is_rewound() {
    let cluster = pair().await;
    let (space, mut client, ucan) = joined(&cluster, Permission::Write).await;
    assert_eq!(push(&mut client, &space.text(), &ucan, &[create(1, "a")]).await["cursor"], 1);
    let mut ahead = json!({ "spaces": [entry(&space.text(), 7, &ucan)] });
    let (chunks, _) = client.call_with_chunks("pull", &ahead).await;
    assert_eq!(names(&chunks), ["pull.begin", "pull.record", "pull.commit"]);
    assert_eq!((&chunks[0]["data"]["prev"], &chunks[0]["data"]["cursor"]), (&json!(0), &json!(1)));
    ahead["on_cursor_ahead"] = json!("error");
    let failed = client.call("pull", &ahead).await;
    assert_eq!(failed["error"], error("cursor_ahead", "since 7 exceeds current cursor 1"));
}

/// FM-3, FM-16, FW-1, FW-5: a space without its home server is skipped, and the others are streamed.
#[tokio::test]
async fn fw_5_pull_skips_a_space_whose_home_is_not_there() {
    let cluster = pair().await;
    let (space, mut client, ucan) = joined(&cluster, Permission::Write).await;
    let personal = cluster.server(1).space("bob");
    client.push_ok(&personal, &[create(1, "mine")]).await;
    cluster.trust(0, &[]);
    let spaces = json!([entry(&space.text(), 0, &ucan), { "id": personal, "since": 0 }]);
    let (chunks, response) =
        within("the pull", client.call_with_chunks("pull", &json!({ "spaces": spaces }))).await;
    assert_eq!(names(&chunks), ["pull.begin", "pull.record", "pull.commit"]);
    assert_eq!((&chunks[0]["data"]["space"], &response["result"]["_chunks"]), (&json!(personal), &json!(3)));
}

/// FW-3, FM-10: a pull larger than all buffers reaches a client that has not read, completely, in order, each row once.
#[tokio::test]
async fn fw_3_large_pull_reaches_a_client_that_is_slow() {
    let cluster = pair().await;
    let (space, mut client, ucan) = joined(&cluster, Permission::Read).await;
    let mut owner = space.owner_client().await;
    for index in 0..12 {
        let blob = vec![7; if index % 4 == 0 { 400_000 } else { 1_200_000 }];
        assert_eq!(push(&mut owner, &space.text(), space.root(), &[create(index, blob)]).await["ok"], true);
    }
    let spaces = json!([entry(&space.text(), 0, &ucan)]);
    let id = client.request("pull", &json!({ "spaces": spaces })).await;
    // Another client of the same link reads all of it meanwhile.
    let mut other = cluster.server(1).raw_as("bob", &Member::random()).await;
    let list = other.call("membership.list", &json!({ "space": space.text(), "ucan": ucan })).await;
    assert_eq!(list["error"]["code"], "forbidden", "RT-4");
    let mut cursor = 0;
    loop {
        let message = client.receive_rpc().await;
        assert_eq!(message["id"], id);
        if message["name"] == "pull.record" {
            cursor += 1;
            assert_eq!(message["data"]["cursor"], cursor);
        } else if message["name"] == "pull.commit" {
            assert_eq!(message["data"]["count"], 12);
        } else if message["name"] != "pull.begin" {
            break assert_eq!(message["result"], json!({ "_chunks": 14 }));
        }
    }
}

/// T-107, INV-1, federation §9.1: an administrator at another server rotates the key of the space.
#[tokio::test]
async fn t_107_rotation_through_another_server() {
    let cluster = pair().await;
    let (space, mut client, ucan) = joined(&cluster, Permission::Admin).await;
    let mut owner = space.owner_client().await;
    let dek = |epoch: u8| bytes([&[0, 0, 0, epoch][..], &[5; 40]].concat());
    for index in 1..=3 {
        let mut change = create(index, "x");
        change["dek"] = dek(1);
        assert_eq!(push(&mut owner, &space.text(), space.root(), &[change]).await["ok"], true);
    }
    let with = |mut params: Value| {
        (params["space"], params["ucan"]) = (json!(space.text()), json!(ucan));
        params
    };
    assert_eq!(
        client.call("epoch.begin", &with(json!({ "epoch": 2 }))).await["result"],
        json!({ "epoch": 2 })
    );
    let (chunks, response) = client.call_with_chunks("deks.get", &with(json!({ "since": 1 }))).await;
    let (expected, at_home) = owner
        .call_with_chunks("deks.get", &json!({ "space": space.text(), "ucan": space.root(), "since": 1 }))
        .await;
    let data = |chunks: &[Value]| chunks.iter().map(|chunk| chunk["data"].clone()).collect::<Vec<_>>();
    assert_eq!((names(&chunks), data(&chunks)), (names(&expected), data(&expected)));
    assert_eq!(response["result"], at_home["result"]);
    assert_eq!(chunks.len(), 2);
    let (chunks, files) = client.call_with_chunks("deks.getFiles", &with(json!({ "since": 0 }))).await;
    assert_eq!((chunks.len(), &files["result"]), (0, &json!({ "_chunks": 0, "deks": [] })));
    let deks: Vec<_> = (1..=3).map(|index| json!({ "id": record_id(index), "dek": dek(2) })).collect();
    assert_eq!(client.call("deks.rewrap", &with(json!({ "deks": deks }))).await["result"]["count"], 3);
    assert_eq!(client.call("epoch.complete", &with(json!({ "epoch": 2 }))).await["result"], json!({}));
    let list = json!({ "space": space.text(), "ucan": space.root() });
    assert_eq!(owner.call("deks.get", &list).await["result"]["deks"][0]["wrapped_dek"], dek(2));
}

/// Federation §9.9: the code of the home server, and none that this server made up.
#[tokio::test]
async fn inv_3_failed_listing_has_a_code_of_the_way_or_of_the_home() {
    let cluster = pair().await;
    let (space, mut client, ucan) = joined(&cluster, Permission::Read).await;
    let list = json!({ "space": space.text(), "ucan": ucan });
    let mut owner = space.owner_client().await;
    space.revoke(&mut owner, &ucan).await;
    assert_eq!(client.call("deks.get", &list).await["error"], error("forbidden", "forbidden"));
    cluster.trust(1, &[]);
    within("the peers to be reloaded", async {
        loop {
            let code = client.call("deks.get", &list).await["error"]["code"].clone();
            if code == "home_unavailable" {
                break;
            }
            assert!(code == "forbidden" || code == "home_untrusted", "{code}");
        }
    })
    .await;
}
