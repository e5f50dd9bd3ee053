//! The method table against the specification and the vectors.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::Permission;
use crate::frame::{self, Inbound};
use crate::rights::{Rights, Scope};

/// Labels of protocol §3.4 and newer-clients §4.1, by every name of the method.
const LABELS: [(&str, &str); 22] = [
    ("subscribe", "subscribe"),
    ("push", "push"),
    ("pull", "pull"),
    ("token.refresh", "token refresh"),
    ("space.create", "space create"),
    ("membership.append", "membership append"),
    ("membership.list", "membership list"),
    ("membership.revoke", "membership revoke"),
    ("invitation.create", "invitation create"),
    ("invitation.list", "invitation list"),
    ("invitation.get", "invitation get"),
    ("invitation.delete", "invitation delete"),
    ("epoch.begin", "epoch begin"),
    ("epoch.complete", "epoch complete"),
    ("epochKeys.put", "epochKeys.put"),
    ("epochKeys.get", "epochKeys.get"),
    ("deks.get", "deks get"),
    ("deks.rewrap", "deks rewrap"),
    ("deks.getFiles", "file deks get"),
    ("file.deks.get", "file deks get"),
    ("deks.rewrapFiles", "file deks rewrap"),
    ("file.deks.rewrap", "file deks rewrap"),
];

const NOTIFICATIONS: [&str; 4] = ["unsubscribe", "presence.set", "presence.clear", "event.send"];

fn names() -> impl Iterator<Item = (&'static str, Method)> {
    Method::ALL.iter().flat_map(|method| {
        let row = method.row();
        row.aliases.iter().chain([&row.name]).map(|name| (*name, *method))
    })
}

#[test]
fn every_name_and_alias_leads_to_its_row_and_no_other() {
    for (name, method) in names() {
        assert_eq!(Method::parse(name), Some(method), "{name}");
    }
    let distinct: BTreeSet<_> = names().map(|(name, _)| name).collect();
    assert_eq!(distinct.len(), names().count());
    for unknown in ["", "Push", "push ", "fed.unknown", SYNC, MEMBERSHIP, REVOKED, EVENT] {
        assert_eq!(Method::parse(unknown), None, "{unknown}");
    }
}

/// Protocol §3.4: the label is that of the specification, for aliases too.
#[test]
fn requests_have_the_labels_of_the_specification() {
    for (name, label) in LABELS {
        assert_eq!(Method::request(name).and_then(Method::params_label), Some(label), "{name}");
        assert_eq!(Method::notification(name), None, "{name}");
    }
    let requests = names().filter(|(name, _)| Method::request(name).is_some());
    assert_eq!(requests.count(), LABELS.len());
}

#[test]
fn notifications_have_no_label_and_are_no_requests() {
    for name in NOTIFICATIONS {
        assert_eq!(Method::notification(name).map(Method::params_label), Some(None), "{name}");
        assert_eq!(Method::request(name), None, "{name}");
    }
    let notifications = names().filter(|(name, _)| Method::notification(name).is_some());
    assert_eq!(notifications.count(), NOTIFICATIONS.len());
    // The first frame of a connection means nothing later.
    assert_eq!((Method::request("auth"), Method::notification("auth")), (None, None));
}

/// Federation §9.1.
#[test]
fn methods_between_servers_are_those_of_the_specification() {
    let requests = names().filter(|(name, _)| Method::server_request(name).is_some());
    let mut requests: Vec<_> = requests.map(|(name, _)| name).collect();
    requests.sort_unstable();
    let expected = [
        "deks.get",
        "deks.getFiles",
        "deks.rewrap",
        "deks.rewrapFiles",
        "epoch.begin",
        "epoch.complete",
        "epochKeys.get",
        "epochKeys.put",
        "fed.hello",
        "fed.invitation",
        "file.deks.get",
        "file.deks.rewrap",
        "membership.append",
        "membership.list",
        "membership.revoke",
        "pull",
        "push",
        "subscribe",
    ];
    assert_eq!(requests, expected);
    let notifications = names().filter(|(name, _)| Method::server_notification(name).is_some());
    let expected = ["unsubscribe", "presence.set", "presence.clear", "event.send", "fed.cancel"];
    assert_eq!(notifications.map(|(name, _)| name).collect::<Vec<_>>(), expected);
    for name in ["fed.hello", "fed.invitation", "fed.cancel"] {
        assert_eq!((Method::request(name), Method::notification(name)), (None, None), "{name}");
    }
}

/// Protocol §2.5 and §1.10.
#[test]
fn scheduling_is_that_of_the_specification() {
    let such = |wanted: fn(&Row) -> bool| -> Vec<&str> {
        Method::ALL.iter().map(|method| method.row()).filter(|row| wanted(row)).map(|row| row.name).collect()
    };
    assert_eq!(such(|row| row.lane == Lane::Stream), ["pull", "deks.get", "deks.getFiles"]);
    assert_eq!(such(|row| row.is_pipelined), ["push"]);
    assert_eq!(such(|row| row.is_ephemeral), ["presence.set", "presence.clear", "event.send"]);
    let detached = [
        "push",
        "space.create",
        "membership.append",
        "membership.revoke",
        "invitation.create",
        "fed.invitation",
    ];
    assert_eq!(such(|row| row.is_detached), detached);
}

/// Protocol D-31: only the methods for keys of files have a scope of their own.
#[test]
fn scope_of_files_is_that_of_the_methods_for_file_keys() {
    let files = Method::ALL.iter().filter(|method| method.row().rights.scope == Scope::Files);
    let files: Vec<_> = files.map(|method| (method.name(), method.row().rights)).collect();
    let (read, admin) = (Rights::files(Permission::Read), Rights::files(Permission::Admin));
    assert_eq!(files, [("deks.getFiles", read), ("deks.rewrapFiles", admin)]);
}

/// Vectors of unknown methods; `unsubscribe` is one as a request.
const UNKNOWN: [(Kind, &str); 4] = [
    (REQUEST, "nonexistent.method"),
    (REQUEST, "unsubscribe"),
    (Kind::Notification, "some.unknown.event"),
    (Kind::Notification, "auth"),
];
const REQUEST: Kind = Kind::Request { params_label: "" };

#[test]
fn every_method_of_the_vectors_has_a_row_of_its_kind() {
    let mut seen = BTreeSet::new();
    for message in ["frames.json", "frames-newer.json"].into_iter().flat_map(messages_of_clients) {
        let (kind, name, known) = match frame::parse(&message) {
            Ok(Inbound::Request { method, .. }) => (REQUEST, method, Method::request(method)),
            Ok(Inbound::Notification { method, .. }) => {
                (Kind::Notification, method, Method::notification(method))
            }
            Ok(Inbound::Keepalive | Inbound::Ignored) | Err(_) => continue,
        };
        assert_eq!(known.is_none(), UNKNOWN.contains(&(kind, name)), "{name}");
        seen.extend(known.map(Method::name));
    }
    let without_vector: Vec<_> =
        Method::ALL.iter().map(|method| method.name()).filter(|name| !seen.contains(name)).collect();
    assert_eq!(without_vector, ["auth", "fed.hello", "fed.invitation", "fed.cancel"]);
}

/// Messages that clients send after authentication.
fn messages_of_clients(file: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors").join(file);
    let vectors: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let is_sent = |vector: &&Value| vector["direction"] == "c2s" && vector["kind"] == "golden";
    vectors.iter().filter(is_sent).filter_map(|vector| vector["hex"].as_str()).map(from_hex).collect()
}

fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
