//! Frames that are as they should be.

use less_sync_core::ErrorCode;
use less_sync_core::frame::{self, Inbound, Params, ServerFrame};
use serde_json::{Value, json};

use super::file::{Vector, frames, to_hex};
use super::{schema, tree};

/// Golden frames that our types reject or do not know, and why that is right.
const REJECTED: &[(&str, &str)] = &[
    (
        "big_cursor_i64_max_forbidden",
        "a cursor above 2^53 - 1: nobody may send it, and no Cursor can hold it",
    ),
    ("deks_get_result_original", "rows of the original that no client ever read"),
    ("file_deks_get_result_original", "rows of the original that no client ever read"),
    ("n_membership_append_kind_unknown", "expects invalid_params"),
];

/// Golden frames whose answer is not the normal one and is given by a handler; here they only decode.
const ANSWERED_ELSEWHERE: &[&str] = &["n_push_both_keys_differ", "n_epoch_keys_put_empty"];

fn golden(direction: &str) -> Vec<Vector> {
    let chosen: Vec<_> =
        frames().into_iter().filter(|v| v.is("kind", "golden") && v.is("direction", direction)).collect();
    assert!(!chosen.is_empty());
    chosen
}

fn is_rejected(vector: &Vector) -> bool {
    REJECTED.iter().any(|(name, _)| *name == vector.name())
}

#[test]
fn every_golden_frame_is_run_and_every_exception_exists() {
    let all: Vec<_> = frames().into_iter().filter(|vector| vector.is("kind", "golden")).collect();
    let run: usize = ["c2s", "s2c", "s2s"].map(|direction| golden(direction).len()).iter().sum();
    assert_eq!(run, all.len());
    for name in REJECTED.iter().map(|(name, _)| name).chain(ANSWERED_ELSEWHERE) {
        assert!(all.iter().any(|vector| vector.name() == *name), "{name} is no vector");
    }
}

/// Protocol §10: frames of a client decode to `value`, or give what `expect` says.
#[test]
fn frames_of_clients_decode_to_their_value() {
    for vector in golden("c2s") {
        let name = vector.name();
        let message = vector.message().unwrap();
        let value = vector.get("value");
        let outcome = &vector.get("expect")["outcome"];
        let (method, params) = match frame::parse(&message).unwrap() {
            Inbound::Keepalive => {
                assert_eq!(vector.text("schema"), "keepalive", "{name}");
                continue;
            }
            Inbound::Ignored => {
                assert_eq!(outcome, "ignored", "{name}");
                continue;
            }
            Inbound::Request { id, method, params } => {
                assert_eq!(value["type"], 0, "{name}");
                assert_eq!(id, value.get("id").map_or("", |id| id.as_str().unwrap()), "{name}");
                (method, params)
            }
            Inbound::Notification { method, params } => {
                assert_eq!(value["type"], 2, "{name}");
                (method, params)
            }
        };
        assert_eq!(method, value["method"], "{name}");
        match schema::rewrite(vector.text("schema"), params) {
            None => assert_eq!(vector.text("schema"), "unknown", "{name}"),
            Some(Err(_)) => assert!(is_rejected(&vector), "{name} does not decode"),
            Some(Ok(rewritten)) => {
                let settled = outcome.is_null() || outcome == "accepted";
                assert!(settled || ANSWERED_ELSEWHERE.contains(&name), "{name}: {outcome}");
                assert_eq!(tree::to_json(&rewritten), understood(&vector, &value["params"]), "{name}");
            }
        }
    }
}

/// Requests of the client crate equal those of the SDK except for the order of keys and the second spelling.
#[test]
fn requests_of_our_client_say_what_those_of_the_sdk_say() {
    for vector in golden("c2s") {
        let message = vector.message().unwrap();
        let Ok(Inbound::Request { id, method, params }) = frame::parse(&message) else { continue };
        let Some(Ok(rewritten)) = schema::rewrite(vector.text("schema"), params) else { continue };
        let ours = frame::request(id, method, &Encoded(&rewritten));
        let mut value = vector.get("value").clone();
        value["params"] = understood(&vector, &value["params"]);
        value.as_object_mut().unwrap().remove("trace");
        assert_eq!(tree::to_json(&ours), value, "{}", vector.name());
        assert_eq!(first_key(&ours), b"type", "the documented order begins with the type");
    }
}

fn first_key(message: &[u8]) -> &[u8] {
    &message[2..6]
}

/// An item that is encoded already.
struct Encoded<'a>(&'a [u8]);

impl less_sync_core::cbor::Encode for Encoded<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0);
    }
}

/// Canonical value: without absent members and unknown keys, with both spellings.
fn understood(vector: &Vector, value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| understood(vector, item)).collect(),
        Value::Object(members) if !members.keys().any(|key| key.starts_with('$')) => {
            let is_absent = |key: &str, value: &Value| {
                let unknown: &[(&str, &[&str])] = &[
                    ("unknown_keys_are_skipped", &["x", "hint"]),
                    ("n_epoch_keys_get_foreign_did", &["member_did"]),
                ];
                let is_unknown =
                    unknown.iter().any(|(name, keys)| *name == vector.name() && keys.contains(&key));
                let zero_is_absent = vector.text("schema").contains("DeksGet");
                is_unknown
                    || value.is_null()
                    || *value == json!({"$undefined": true})
                    || (key == "ucan" && value == "")
                    || (zero_is_absent && key == "since" && *value == 0)
            };
            let mut left: serde_json::Map<_, _> = members
                .iter()
                .filter(|(key, value)| !is_absent(key, value))
                .map(|(key, value)| (key.clone(), understood(vector, value)))
                .collect();
            for (older, newer) in [("dek", "wrapped_dek"), ("set_min_key_generation", "set_min_epoch")] {
                if let Some(value) = left.get(older).or(left.get(newer)).cloned() {
                    left.entry(older).or_insert(value.clone());
                    left.entry(newer).or_insert(value);
                }
            }
            Value::Object(left)
        }
        leaf @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            leaf.clone()
        }
    }
}

/// Protocol §10: frames with `emit: true` are produced byte for byte from typed values, and every frame of a
/// server can be read by our client.
#[test]
fn frames_of_servers_are_read_and_written_byte_for_byte() {
    let mut written = 0;
    for vector in golden("s2c") {
        let message = vector.message().unwrap();
        let Some(rewritten) = rewritten(&vector, &message) else {
            assert!(is_rejected(&vector) && !vector.is_emitted(), "{} cannot be read", vector.name());
            continue;
        };
        if vector.is_emitted() {
            assert_eq!(to_hex(&rewritten), to_hex(&message), "{}", vector.name());
            written += 1;
        }
    }
    assert!(written > 50, "only {written} frames were compared");
}

/// Decodes a frame of a server into types and writes them again.
fn rewritten(vector: &Vector, message: &[u8]) -> Option<Vec<u8>> {
    let body = |body: Params<'_>| {
        let schema = if vector.name() == "result_empty" { "Empty" } else { vector.text("schema") };
        let schema = if vector.name() == "deks_result" { "DeksResult" } else { schema };
        schema::rewrite(schema, body)?.ok()
    };
    Some(match frame::parse_server(message).unwrap() {
        ServerFrame::Keepalive => frame::KEEPALIVE.to_vec(),
        ServerFrame::Ignored => panic!("{} is ignored", vector.name()),
        ServerFrame::Response { id, outcome: Ok(result) } => {
            frame::response(id, &Encoded(&body(result)?)).to_vec()
        }
        ServerFrame::Response { id, outcome: Err(error) } => {
            let code = ErrorCode::parse(error.code).unwrap();
            frame::error(id, code, error.message).to_vec()
        }
        ServerFrame::Chunk { id, name, data } => {
            let mut out = Vec::new();
            frame::write_chunk(&mut out, id, name, &Encoded(&body(data)?));
            out
        }
        ServerFrame::Notification { method, params } => {
            frame::notification(method, &Encoded(&body(params)?)).to_vec()
        }
    })
}

/// Requests between servers are in documented order, so ours equal them but for the second spelling of a key.
#[test]
fn requests_between_servers_are_written_byte_for_byte() {
    for vector in golden("s2s").iter().filter(|vector| !is_rejected(vector)) {
        let message = vector.message().unwrap();
        if vector.is("to", "peer") {
            assert!(rewritten(vector, &message).is_some(), "{}", vector.name());
            continue;
        }
        let Inbound::Request { id, method, params } = frame::parse(&message).unwrap() else {
            panic!("{} is a request", vector.name())
        };
        let rewritten = schema::rewrite(vector.text("schema"), params).unwrap().unwrap();
        let ours = frame::request(id, method, &Encoded(&rewritten));
        if vector.name() == "s2s_push" {
            assert_eq!(
                tree::to_json(&rewritten),
                understood(vector, &vector.get("value")["params"]),
                "a push between servers carries both spellings (newer-clients §9)"
            );
        } else {
            assert_eq!(to_hex(&ours), to_hex(&message), "{}", vector.name());
        }
    }
}
