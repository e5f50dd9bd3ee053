//! Acceptance of invitations to spaces that the user shares already: rights and keys only get better.

use less_sync_client::crypto::{KeyRing, SpaceKey};
use less_sync_client::sharing::{Chain, Membership, Offer};
use less_sync_core::{Epoch, Permission, Timestamp};
use less_sync_test_support::TestServer;
use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::program::Shell as _;
use crate::sharing::toolbox_user::{ToolboxUser, id};

/// Key of `epoch` in the key directory of `user`; null if there is none.
fn key(user: &ToolboxUser, space: &str, epoch: i32) -> Value {
    let stored = user.stored(space);
    let entry = stored["keys"].as_array().unwrap().iter().find(|entry| entry["epoch"] == epoch).cloned();
    entry.map_or(Value::Null, |entry| entry["key"].clone())
}

/// Invites each of `others` to the space of `owner` with `right`, and lets them accept.
async fn admit(owner: &ToolboxUser, right: &str, others: &[&ToolboxUser]) {
    for other in others {
        owner.invite(other, right).await;
        other.accept().await;
    }
}

/// Sends `to` an invitation of `from`, a member of the space of `owner`, with a key that is not the one of the epoch.
async fn plant_key(owner: &ToolboxUser, [from, to]: [&ToolboxUser; 2], space: &str, epoch: i32) {
    let mut keys = KeyRing::new(id(space));
    keys.insert(SpaceKey::random(id(space), Epoch::new(epoch).unwrap()));
    let ucan = from.ucan(space);
    let root_key = owner.identity.root_key();
    let membership = Membership { name: "notes".to_owned(), root_key, ucan: Chain(ucan.clone()), keys };
    let own = membership.verify(from.identity.did(), Timestamp::from_seconds(0)).unwrap();
    let granted =
        from.identity.grant(to.identity.did(), Permission::Read, id(space), own.expires_at(), Some(&ucan));
    let offer = Offer::seal(&from.identity, &membership, &to.address, &granted).unwrap();
    from.connect().await.invite(to.address.mailbox(), &offer).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn invitation_of_the_owner_to_their_own_space_takes_nothing_from_them() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    admit(&alice, "admin", &[&bob]).await;
    let before = alice.stored(&space);
    bob.invite(&alice, "read").await;
    alice.accept().await;
    assert_eq!(alice.stored(&space), before);
    alice.push(&space, "still mine").await;
    alice.result(&["space", "revoke", bob.did()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_chains_the_one_with_more_rights_and_then_the_later_end_is_kept() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    let invite = async |right: &'static str, days: &'static str| {
        let address = bob.address.to_string();
        alice.result(&["space", "invite", &address, "--as", right, "--days", days]).await;
        bob.accept().await;
        bob.ucan(&space)
    };
    let write = invite("write", "100").await;
    assert_eq!(invite("read", "300").await, write, "fewer rights");
    assert_eq!(invite("write", "50").await, write, "an earlier end");
    let longer = invite("write", "200").await;
    assert!(longer != write, "a later end");
    assert!(invite("admin", "10").await != longer, "more rights");
}

/// A revoked chain is worth nothing, whatever it once granted.
#[tokio::test(flavor = "multi_thread")]
async fn removed_administrator_is_let_in_again_with_fewer_rights() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    admit(&alice, "admin", &[&bob]).await;
    alice.result(&["space", "revoke", bob.did()]).await;
    alice.push(&space, "after the removal").await;
    admit(&alice, "read", &[&bob]).await;
    assert_eq!(bob.texts(&space).await, ["after the removal"]);
    assert_eq!(key(&bob, &space, 2), key(&alice, &space, 2));
}

/// Bob would read all that Carol writes after his removal.
#[tokio::test(flavor = "multi_thread")]
async fn key_of_a_coming_epoch_is_not_taken_from_an_invitation() {
    let server = TestServer::start().await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    admit(&alice, "write", &[&bob, &carol]).await;
    plant_key(&alice, [&bob, &carol], &space, 2).await;
    carol.accept().await;
    assert_eq!(key(&carol, &space, 2), Value::Null);
    alice.result(&["space", "revoke", bob.did()]).await;
    carol.push(&space, "for those who stayed").await;
    assert_eq!(key(&carol, &space, 2), key(&alice, &space, 2));
    assert_eq!(alice.texts(&space).await, ["for those who stayed"]);
}

/// Carol has not fetched the key of the current epoch yet; her own share is what counts.
#[tokio::test(flavor = "multi_thread")]
async fn key_of_the_current_epoch_comes_from_the_own_share() {
    let server = TestServer::start().await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    admit(&alice, "write", &[&bob, &carol]).await;
    alice.result(&["space", "rotate"]).await;
    plant_key(&alice, [&bob, &carol], &space, 2).await;
    carol.accept().await;
    assert_eq!(key(&carol, &space, 2), key(&alice, &space, 2));
}

/// An offer that is older than a rotation brings rights; the key comes from the share of the rotation.
#[tokio::test(flavor = "multi_thread")]
async fn invitation_from_before_a_rotation_is_accepted_after_it() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| ToolboxUser::new(&server, user));
    let space = alice.create("notes").await;
    alice.push(&space, "before").await;
    alice.invite(&bob, "write").await;
    alice.result(&["space", "rotate"]).await;
    bob.accept().await;
    bob.push(&space, "after").await;
    assert_eq!(bob.texts(&space).await, ["before", "after"]);
    assert_eq!([1, 2].map(|epoch| key(&bob, &space, epoch).is_null()), [true, false]);
}
