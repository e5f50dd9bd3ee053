//! Whole rotations, step by step as the clients make them (newer-clients §3.3).

use less_sync_core::Permission;
use less_sync_test_support::{Member, RawClient, SharedSpace, TestServer, bytes, create, record_id, update};
use serde_json::{Value, json};

use super::{chunked, dek, keyed, keys_of, listed};
use crate::rpc_error::error;

/// The calls of one administrator.
struct Admin<'s> {
    client: RawClient,
    space: &'s SharedSpace<'s>,
}

impl<'s> Admin<'s> {
    async fn of(space: &'s SharedSpace<'s>) -> Self {
        Self { client: space.owner_client().await, space }
    }

    async fn call(&mut self, method: &str, extra: &Value) -> (Vec<Value>, Value) {
        let mut params = json!({ "space": self.space.text(), "ucan": self.space.root() });
        for (name, value) in extra.as_object().unwrap() {
            params[name] = value.clone();
        }
        self.client.call_with_chunks(method, &params).await
    }

    async fn ok(&mut self, method: &str, extra: Value) -> Value {
        let (_, response) = self.call(method, &extra).await;
        assert!(response["result"].is_object(), "{method}: {response}");
        response["result"].clone()
    }
}

/// Records 1 to 3, with keys of this epoch.
async fn fill(admin: &mut Admin<'_>, epoch: u8) {
    for index in 1..=3 {
        let change = keyed(create(index.into(), "content"), dek(epoch, index));
        assert_eq!(admin.ok("push", json!({ "changes": [change] })).await["ok"], true);
    }
}

/// Rotation by an older client: reads chunks, writes one spelling, puts no shares.
async fn rotate_as_older(admin: &mut Admin<'_>, epoch: u8) {
    assert_eq!(admin.ok("epoch.begin", json!({ "epoch": epoch })).await, json!({ "epoch": epoch }));
    for (get, rewrap) in [("deks.get", "deks.rewrap"), ("deks.getFiles", "deks.rewrapFiles")] {
        let (chunks, response) = admin.call(get, &json!({ "since": 0 })).await;
        assert_eq!(response["result"]["_chunks"], chunks.len(), "it counts them");
        let renew = |(id, _)| json!({ "id": id, "dek": dek(epoch, 0x10 + epoch) });
        let deks: Vec<Value> = chunked(&chunks).into_iter().map(renew).collect();
        assert_eq!(admin.ok(rewrap, json!({ "deks": deks })).await["count"], chunks.len());
    }
    assert_eq!(admin.ok("epoch.complete", json!({ "epoch": epoch })).await, json!({}));
}

/// Rotation by a newer client: puts a share per member, reads the result, sends observed keys. `removal` is a
/// rotation that removes a member.
async fn rotate_as_newer(admin: &mut Admin<'_>, epoch: u8, members: &[&Member], removal: bool) {
    let begin =
        if removal { json!({ "epoch": epoch, "set_min_epoch": true }) } else { json!({ "epoch": epoch }) };
    assert_eq!(admin.ok("epoch.begin", begin).await, json!({ "epoch": epoch }));
    let share = |member: &&Member| json!({ "member_did": member.did(), "wrapped_key": bytes(format!("{epoch} for {}", member.did())) });
    let keys: Vec<Value> = members.iter().map(share).collect();
    assert_eq!(admin.ok("epochKeys.put", json!({ "epoch": epoch, "keys": keys })).await["count"], keys.len());
    for (get, rewrap) in [("deks.get", "deks.rewrap"), ("deks.getFiles", "deks.rewrapFiles")] {
        let (_, response) = admin.call(get, &json!({ "since": 0 })).await;
        let renew = |(id, observed)| json!({ "id": id, "wrapped_dek": dek(epoch, 0x20 + epoch), "observed_wrapped_dek": observed });
        let deks: Vec<Value> = listed(&response).into_iter().map(renew).collect();
        let count = deks.len();
        assert_eq!(admin.ok(rewrap, json!({ "deks": deks })).await["count"], count);
    }
    assert_eq!(admin.ok("epoch.complete", json!({ "epoch": epoch })).await, json!({}));
}

/// Pulled records: id, blob and key of each.
async fn pulled(client: &mut RawClient, space: &SharedSpace<'_>, ucan: &str) -> Vec<(Value, Value, Value)> {
    let params = json!({ "spaces": [{ "id": space.text(), "since": 0, "ucan": ucan }] });
    let (chunks, _) = client.call_with_chunks("pull", &params).await;
    let rows = chunks.iter().filter(|chunk| chunk["name"] == "pull.record").map(|chunk| &chunk["data"]);
    rows.map(|row| (row["id"].clone(), row["blob"].clone(), row["wrapped_dek"].clone())).collect()
}

/// G-04, X-20, P-265: an older client alone. Content stays, every key is new.
#[tokio::test]
async fn older_client_rotates_alone() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let mut admin = Admin::of(&space).await;
    fill(&mut admin, 1).await;
    for epoch in 2..=3 {
        rotate_as_older(&mut admin, epoch).await;
        let expected: Vec<_> = (1..=3)
            .map(|index| (json!(record_id(index)), bytes("content"), dek(epoch, 0x10 + epoch)))
            .collect();
        assert_eq!(pulled(&mut admin.client, &space, space.root()).await, expected);
    }
}

/// G-03, P-265: a newer client alone. A second device and a member get their shares and write under the new key.
#[tokio::test]
async fn newer_client_rotates_and_members_follow_by_share() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let member = Member::random();
    let ucan = space.invite(&member, Permission::Write);
    let mut admin = Admin::of(&space).await;
    fill(&mut admin, 1).await;
    rotate_as_newer(&mut admin, 2, &[space.owner(), &member], false).await;
    let devices = [
        (space.owner_client().await, space.root(), space.owner()),
        (server.raw_as("bob", &member).await, ucan.as_str(), &member),
    ];
    let mut members = Vec::new();
    for (mut client, ucan, who) in devices {
        let state = client.subscribe_with(&space.text(), ucan).await;
        assert_eq!([&state["epoch"], &state["rewrap_epoch"]], [&json!(2), &Value::Null]);
        let params = json!({ "space": space.text(), "ucan": ucan, "epoch": 2 });
        let share = client.call("epochKeys.get", &params).await;
        assert_eq!(share["result"]["wrapped_key"], bytes(format!("2 for {}", who.did())));
        let rows = pulled(&mut client, &space, ucan).await;
        assert!(rows.len() == 3 && rows.iter().all(|(_, _, key)| *key == dek(2, 0x22)), "{rows:?}");
        members.push((client, ucan));
    }
    for (cursor, (mut client, ucan)) in (1_u8..).zip(members) {
        let change = keyed(update(cursor.into(), "later", cursor.into()), dek(2, 0x33));
        assert_eq!(client.push_with(&space.text(), ucan, &[change]).await["ok"], true);
    }
}

/// G-03 with a removal, P-266: writes under the old key are rejected; the removed member gets no share and no entry.
#[tokio::test]
async fn removed_member_is_rejected_and_old_keys_are_stale() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await;
    let [stays, goes] = [Member::random(), Member::random()];
    let [kept, revoked] = [&stays, &goes].map(|member| space.invite(member, Permission::Write));
    let mut admin = Admin::of(&space).await;
    fill(&mut admin, 1).await;
    space.revoke(&mut admin.client, &revoked).await;
    rotate_as_newer(&mut admin, 2, &[space.owner(), &stays], true).await;
    let mut gone = server.raw_as("gone", &goes).await;
    let forbidden = error("forbidden", "forbidden");
    for (method, extra) in [("epochKeys.get", json!({ "epoch": 2 })), ("deks.get", json!({}))] {
        let mut params = extra;
        (params["space"], params["ucan"]) = (json!(space.text()), json!(revoked));
        assert_eq!(gone.call(method, &params).await["error"], forbidden, "{method}");
    }
    let mut late = server.raw_as("late", &stays).await;
    let old = keyed(create(9, "x"), dek(1, 9));
    let rejected = late.push_with(&space.text(), &kept, &[old]).await;
    assert_eq!(rejected, json!({ "ok": false, "error": "epoch_stale" }));
    let new = keyed(create(9, "x"), dek(2, 9));
    assert_eq!(late.push_with(&space.text(), &kept, &[new]).await["ok"], true);
}

/// Newer-clients §3.3: a rotation that a device left unfinished is completed by another one, of either generation.
#[tokio::test]
async fn unfinished_rotation_is_completed_by_another_device() {
    let server = TestServer::start().await;
    for by_older in [true, false] {
        let space = SharedSpace::create(&server).await;
        let mut first = Admin::of(&space).await;
        fill(&mut first, 1).await;
        first.ok("epoch.begin", json!({ "epoch": 2 })).await;
        let one = json!({ "deks": [{ "id": record_id(1), "dek": dek(2, 1) }] });
        first.ok("deks.rewrap", one).await;
        first.client.vanish();
        let mut second = Admin::of(&space).await;
        let conflict = second.ok("epoch.begin", json!({ "epoch": 2 })).await;
        let expected = json!({ "error": "epoch_conflict", "current_epoch": 2, "rewrap_epoch": 2 });
        assert_eq!(conflict, expected);
        let rest = keys_of(&mut second.client, &space.text(), space.root()).await;
        let rest = rest.into_iter().filter(|(_, key)| *key != dek(2, 1));
        let renew = |(id, observed)| {
            if by_older {
                json!({ "id": id, "dek": dek(2, 2) })
            } else {
                json!({ "id": id, "wrapped_dek": dek(2, 2), "observed_wrapped_dek": observed })
            }
        };
        let deks: Vec<Value> = rest.map(renew).collect();
        assert_eq!(second.ok("deks.rewrap", json!({ "deks": deks })).await["count"], 2);
        assert_eq!(second.ok("epoch.complete", json!({ "epoch": 2 })).await, json!({}));
        let keys = keys_of(&mut second.client, &space.text(), space.root()).await;
        let keys: Vec<Value> = keys.into_iter().map(|(_, key)| key).collect();
        assert_eq!(keys, [dek(2, 1), dek(2, 2), dek(2, 2)]);
    }
}
