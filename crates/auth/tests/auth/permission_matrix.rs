//! Permission matrix: the table of auth §10, checked with real chains.
#![expect(clippy::unwrap_used, reason = "the keys and texts of these tests are good ones")]

use less_sync_auth::rights::{Access, DOWNLOAD, Rights, Scope, UPLOAD};
use less_sync_auth::ucan::{self, Audience, Expectations, Grant, UcanError, UcanKey};
use less_sync_core::wire::method::Method;
use less_sync_core::{Permission, SpaceId, Timestamp};

const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

/// Methods that name spaces, with their scope and level, in the order of the specification.
const IN_SPACES: [(&str, Scope, Permission); 15] = [
    ("subscribe", Scope::Sync, Permission::Read),
    ("push", Scope::Sync, Permission::Write),
    ("pull", Scope::Sync, Permission::Read),
    ("membership.append", Scope::Sync, Permission::Read),
    ("membership.list", Scope::Sync, Permission::Read),
    ("membership.revoke", Scope::Sync, Permission::Admin),
    ("epoch.begin", Scope::Sync, Permission::Admin),
    ("epoch.complete", Scope::Sync, Permission::Admin),
    ("epochKeys.put", Scope::Sync, Permission::Admin),
    ("epochKeys.get", Scope::Sync, Permission::Read),
    ("deks.get", Scope::Sync, Permission::Read),
    ("deks.rewrap", Scope::Sync, Permission::Admin),
    ("deks.getFiles", Scope::Files, Permission::Read),
    ("file.deks.get", Scope::Files, Permission::Read),
    ("deks.rewrapFiles", Scope::Files, Permission::Admin),
];

/// The others.
const ELSEWHERE: [(&str, Access); 11] = [
    ("auth", Access::Connection),
    ("token.refresh", Access::Connection),
    ("unsubscribe", Access::Connection),
    ("space.create", Access::Connection),
    ("invitation.create", Access::Connection),
    ("invitation.list", Access::OwnMailbox),
    ("invitation.get", Access::OwnMailbox),
    ("invitation.delete", Access::OwnMailbox),
    ("presence.set", Access::Subscription),
    ("presence.clear", Access::Subscription),
    ("event.send", Access::Subscription),
];

/// Verdict for a member with level `granted` on an action that needs `required`.
fn attempt(granted: Permission, required: Permission) -> Result<(), UcanError> {
    let (owner, member) = (UcanKey::from_bytes(&[7; 32]).unwrap(), UcanKey::from_bytes(&[8; 32]).unwrap());
    let space = SpaceId::from_bytes([1; 16]);
    let grant = Grant { audience: member.did(), permission: granted, space, expires_at: NOW, nonce: [1; 16] };
    let expected = Expectations {
        audience: Audience::Caller(member.did()),
        permission: required,
        space,
        root_key: owner.root_key(),
    };
    ucan::verify(&owner.issue(&grant, None), &expected, NOW).map(drop)
}

fn rights(name: &str) -> Option<Rights> {
    Method::parse(name).map(|method| method.row().rights)
}

#[test]
fn every_method_is_open_from_its_level_up() {
    for (name, scope, level) in IN_SPACES {
        assert_eq!(rights(name), Some(Rights { scope, access: Access::Space(level) }), "{name}");
        for granted in Permission::ALL {
            let expected = if granted < level { Err(UcanError::AttenuationViolation) } else { Ok(()) };
            assert_eq!(attempt(granted, level), expected, "{granted:?} for {name}");
        }
    }
}

#[test]
fn methods_outside_of_spaces_need_no_chain() {
    for (name, access) in ELSEWHERE {
        assert_eq!(rights(name), Some(Rights { scope: Scope::Sync, access }), "{name}");
    }
}

#[test]
fn both_names_of_a_method_ask_the_same() {
    assert_eq!(rights("file.deks.get"), rights("deks.getFiles"));
    assert_eq!(rights("file.deks.rewrap"), rights("deks.rewrapFiles"));
}

/// Every request has params that are decoded under some label, and none of another name has rights.
#[test]
fn requests_and_notifications_of_clients_are_all_that_has_rights() {
    let requests = IN_SPACES
        .iter()
        .map(|row| row.0)
        .chain(ELSEWHERE.iter().map(|row| row.0))
        .chain(["file.deks.rewrap"]);
    let notifications = ["auth", "unsubscribe", "presence.set", "presence.clear", "event.send"];
    for name in requests {
        let method = Method::parse(name).unwrap();
        assert_eq!(method.params_label().is_none(), notifications.contains(&name), "{name}");
        assert!(rights(name).is_some(), "{name}");
    }
    for name in ["", "Push", "fed.unknown", "sync", "membership", "revoked", "admin"] {
        assert_eq!(rights(name), None, "{name}");
    }
}

#[test]
fn files_need_their_own_scope_and_uploads_the_right_to_write() {
    assert_eq!(UPLOAD, Rights { scope: Scope::Files, access: Access::Space(Permission::Write) });
    assert_eq!(DOWNLOAD, Rights { scope: Scope::Files, access: Access::Space(Permission::Read) });
    assert_eq!((Scope::Sync.as_str(), Scope::Files.as_str()), ("sync", "files"));
}
