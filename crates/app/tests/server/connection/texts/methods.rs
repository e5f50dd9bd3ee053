//! Valid params of every method, and the texts in them.

use less_sync_core::wire::method::Method;
use less_sync_test_support::{SharedSpace, bytes, record_id};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Outcomes of a text with a NUL and of one that is too long.
type Outcomes = [&'static str; 2];

const BAD: Outcomes = ["bad_request"; 2];
const FORBIDDEN: Outcomes = ["forbidden"; 2];
/// Text that no rule depends on.
const IGNORED: Outcomes = ["ok"; 2];
const INVALID: Outcomes = ["invalid_params"; 2];
const SKIPPED: Outcomes = ["skipped"; 2];

const SPACE: (&str, Outcomes) = ("/space", BAD);
const UCAN: (&str, Outcomes) = ("/ucan", FORBIDDEN);

/// Every text in the params of `method`, as a JSON pointer, with its outcomes.
pub(super) fn texts(method: Method) -> Vec<(&'static str, Outcomes)> {
    match method {
        Method::Auth | Method::FedHello | Method::FedInvitation | Method::FedCancel => vec![],
        Method::Push => vec![SPACE, UCAN, ("/home_server", ["ok", "conflict"]), ("/changes/0/id", BAD)],
        Method::Pull => {
            vec![
                ("/spaces/0/id", SKIPPED),
                ("/spaces/0/ucan", SKIPPED),
                ("/spaces/0/home_server", IGNORED),
                ("/on_cursor_ahead", INVALID),
            ]
        }
        Method::Subscribe => vec![
            ("/spaces/0/id", BAD),
            ("/spaces/0/ucan", FORBIDDEN),
            ("/spaces/0/token", IGNORED),
            ("/spaces/0/home_server", IGNORED),
        ],
        Method::Unsubscribe => vec![("/spaces/0", IGNORED)],
        Method::PresenceSet | Method::PresenceClear | Method::EventSend => vec![("/space", IGNORED)],
        Method::TokenRefresh => vec![("/token", ["invalid auth token"; 2])],
        Method::MembershipAppend => vec![SPACE, UCAN, ("/kind", INVALID)],
        Method::MembershipList => vec![SPACE, UCAN, ("/home_server", IGNORED)],
        Method::MembershipRevoke => vec![SPACE, UCAN, ("/ucan_cid", BAD), ("/member_did", BAD)],
        Method::InvitationCreate => {
            vec![("/mailbox_id", BAD), ("/payload", ["ok", "payload_too_large"]), ("/server", BAD)]
        }
        Method::InvitationList => vec![("/after", BAD)],
        Method::SpaceCreate | Method::InvitationGet | Method::InvitationDelete => vec![("/id", BAD)],
        Method::EpochKeysPut => vec![SPACE, UCAN, ("/keys/0/member_did", BAD)],
        Method::EpochBegin
        | Method::EpochComplete
        | Method::EpochKeysGet
        | Method::DeksGet
        | Method::DeksGetFiles => vec![SPACE, UCAN],
        Method::DeksRewrap | Method::DeksRewrapFiles => vec![SPACE, UCAN, ("/deks/0/id", BAD)],
    }
}

/// Texts of valid params.
pub(super) struct Params {
    space: String,
    ucan: String,
    member: String,
    mailbox: String,
    token: String,
}

impl Params {
    pub(super) fn new(space: &SharedSpace<'_>, mailbox: &str, token: String) -> Self {
        Self {
            space: space.text(),
            ucan: space.root().to_owned(),
            member: space.owner().did().to_owned(),
            mailbox: mailbox.to_owned(),
            token,
        }
    }

    /// Valid params of a request of the owner of the space.
    pub(super) fn of(&self, method: Method) -> Value {
        let Self { space, ucan, member, mailbox, token } = self;
        let mut params = own(method, member, mailbox, token);
        match method {
            Method::Pull | Method::Subscribe => {
                params["spaces"] = json!([{ "id": space, "since": 0, "ucan": ucan }]);
            }
            Method::Unsubscribe => params = json!({ "spaces": [space] }),
            Method::SpaceCreate
            | Method::Auth
            | Method::FedHello
            | Method::FedInvitation
            | Method::FedCancel
            | Method::TokenRefresh
            | Method::InvitationCreate
            | Method::InvitationList
            | Method::InvitationGet
            | Method::InvitationDelete => {}
            Method::Push
            | Method::PresenceSet
            | Method::PresenceClear
            | Method::EventSend
            | Method::MembershipAppend
            | Method::MembershipList
            | Method::MembershipRevoke
            | Method::EpochBegin
            | Method::EpochComplete
            | Method::EpochKeysPut
            | Method::EpochKeysGet
            | Method::DeksGet
            | Method::DeksRewrap
            | Method::DeksGetFiles
            | Method::DeksRewrapFiles => {
                (params["space"], params["ucan"]) = (space.as_str().into(), ucan.as_str().into());
            }
        }
        params
    }
}

/// Params other than space and chain.
fn own(method: Method, member: &str, mailbox: &str, token: &str) -> Value {
    let (payload, key) = ("payload", bytes([1; 44]));
    match method {
        Method::Push => {
            json!({ "changes": [{ "id": record_id(1), "blob": bytes("b"), "expected_cursor": 0 }] })
        }
        Method::PresenceSet | Method::EventSend => json!({ "data": bytes("data") }),
        Method::Auth | Method::TokenRefresh => json!({ "token": token }),
        Method::SpaceCreate => json!({ "id": record_id(2), "root_public_key": bytes([2; 33]) }),
        Method::MembershipAppend => {
            let hash = bytes(Sha256::digest(payload));
            json!({ "expected_version": 0, "entry_hash": hash, "payload": bytes(payload), "kind": "accept" })
        }
        Method::MembershipRevoke => json!({ "ucan_cid": "ab".repeat(32), "member_did": member }),
        Method::InvitationCreate => json!({ "mailbox_id": mailbox, "payload": payload }),
        Method::InvitationGet | Method::InvitationDelete => json!({ "id": record_id(3) }),
        Method::EpochBegin | Method::EpochComplete | Method::EpochKeysGet => json!({ "epoch": 2 }),
        Method::EpochKeysPut => {
            json!({ "epoch": 2, "keys": [{ "member_did": member, "wrapped_key": bytes("k") }] })
        }
        Method::DeksRewrap | Method::DeksRewrapFiles => {
            json!({ "deks": [{ "id": record_id(1), "dek": key }] })
        }
        Method::Pull
        | Method::Subscribe
        | Method::Unsubscribe
        | Method::PresenceClear
        | Method::MembershipList
        | Method::InvitationList
        | Method::DeksGet
        | Method::DeksGetFiles
        | Method::FedHello
        | Method::FedInvitation
        | Method::FedCancel => json!({}),
    }
}

/// `params` with `text` at a JSON pointer, whose member may be absent.
pub(super) fn replaced(mut params: Value, path: &str, text: &str) -> Value {
    let (parent, name) = path.rsplit_once('/').unwrap();
    let parent = params.pointer_mut(parent).unwrap();
    match name.parse::<usize>() {
        Ok(index) => parent[index] = text.into(),
        Err(_) => parent[name] = text.into(),
    }
    params
}
