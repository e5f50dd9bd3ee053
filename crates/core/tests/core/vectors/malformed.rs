//! Messages that are not as they should be.

use less_sync_core::frame::{self, BadAuthFrame, Inbound, Unreadable};
use less_sync_core::wire::method::Method;
use less_sync_core::{Close, limits};
use serde_json::{Value, json};

use super::file::{Vector, frames};
use super::schema;

/// Vectors that `core` lets through or never sees, with who settles them.
const SETTLED_ELSEWHERE: &[(&str, &str)] = &[
    ("m_text_message", "session: a text message never reaches the codec"),
    ("m_first_text", "session: a text message never reaches the codec"),
    ("m_oversize_message", "session: the size is checked before the codec"),
    ("m_first_token_empty", "session: an empty token is rejected like any other bad one"),
    ("m_subscribe_bad_uuid", "methods: ids are parsed after decoding"),
    ("m_push_bad_space_uuid", "methods: ids are parsed after decoding"),
    ("m_push_bad_record_id", "methods: ids are parsed after decoding"),
    ("m_push_duplicate_record_id", "methods: ids are parsed after decoding"),
    ("m_push_dek_wrong_size", "methods: lengths are checked after decoding"),
    ("m_space_create_bad_uuid", "methods: ids are parsed after decoding"),
    ("m_space_create_key_32", "methods: lengths are checked after decoding"),
    ("m_space_create_key_uncompressed", "methods: keys are checked after decoding"),
    ("m_space_create_key_empty", "methods: lengths are checked after decoding"),
    ("m_space_create_v5_id", "methods: ids are parsed after decoding"),
    ("m_append_hash_31", "methods: lengths are checked after decoding"),
    ("m_append_payload_empty", "methods: lengths are checked after decoding"),
    ("m_append_hash_mismatch", "methods: hashes are checked after decoding"),
    ("m_revoke_empty_cid", "methods: lengths are checked after decoding"),
    ("m_invitation_mailbox_upper", "methods: mailbox ids are parsed after decoding"),
    ("m_invitation_mailbox_empty", "methods: mailbox ids are parsed after decoding"),
    ("m_invitation_payload_empty", "methods: lengths are checked after decoding"),
    ("m_invitation_after_bad_uuid", "methods: ids are parsed after decoding"),
    ("m_invitation_get_bad_uuid", "methods: ids are parsed after decoding"),
    ("m_deks_rewrap_empty_id", "methods: ids are parsed after decoding"),
    ("m_deks_rewrap_dek_43", "methods: lengths are checked after decoding"),
    ("m_deks_rewrap_id_not_uuid", "methods: ids are parsed after decoding"),
    ("m_deks_rewrap_files_bad_id", "methods: ids are parsed after decoding"),
    ("m_presence_space_empty", "presence: an id that is none names no subscription"),
    ("m_presence_oversize", "presence: lengths are checked after decoding"),
    ("m_event_oversize", "presence: lengths are checked after decoding"),
];

fn malformed() -> Vec<Vector> {
    frames().into_iter().filter(|vector| vector.is("kind", "malformed")).collect()
}

/// Protocol §1.4, §2.4: P-rows of the frame layer and the codec.
#[test]
fn every_malformed_message_meets_its_end() {
    let mut elsewhere = Vec::new();
    for vector in malformed() {
        assert!(vector.is("direction", "c2s"));
        match verdict(&vector) {
            Some(verdict) => assert_eq!(verdict, expected(&vector), "{}", vector.name()),
            None => elsewhere.push(vector.name().to_owned()),
        }
    }
    let mut listed: Vec<_> = SETTLED_ELSEWHERE.iter().map(|(name, _)| (*name).to_owned()).collect();
    listed.sort();
    elsewhere.sort();
    assert_eq!(elsewhere, listed, "what core leaves open, and the list");
}

fn expected(vector: &Vector) -> Value {
    let mut expected = vector.get("expect").clone();
    expected.as_object_mut().unwrap().remove("original");
    expected
}

/// Outcome in `core`; `None` when the decision lies elsewhere.
fn verdict(vector: &Vector) -> Option<Value> {
    if vector.is("opcode", "text") {
        return None;
    }
    let Some(message) = vector.message() else {
        let size = vector.get("generate")["count"].as_u64().unwrap();
        // The file still knows the older limit; ours is larger (newer-clients §5).
        assert!(size > limits::OUTBOUND_FRAME as u64, "{} is small enough to be written down", vector.name());
        return None;
    };
    if vector.is("stage", "first_frame") { first(&message) } else { later(&message) }
}

fn first(message: &[u8]) -> Option<Value> {
    let reason = match frame::parse_auth(message) {
        Ok(params) => {
            assert_eq!(params.token, "");
            return None;
        }
        Err(BadAuthFrame::Empty) => "empty auth frame",
        Err(BadAuthFrame::Invalid) => "invalid auth frame",
        Err(BadAuthFrame::NotAuth) => "first frame must be an auth notification",
    };
    Some(close(Close::auth_failed(reason)))
}

fn later(message: &[u8]) -> Option<Value> {
    match frame::parse(message) {
        Err(Unreadable::Empty) => Some(close(Close::EMPTY_FRAME)),
        Err(Unreadable::Malformed) => Some(close(Close::INVALID_CBOR)),
        Err(Unreadable::IdTooLong) => Some(close(Close::REQUEST_ID_TOO_LONG)),
        Ok(Inbound::Keepalive | Inbound::Ignored) => Some(json!({"outcome": "ignored"})),
        Ok(Inbound::Notification { method, params }) => {
            let schema = schema::of_method(method).unwrap();
            let decoded = schema::rewrite(schema, params).unwrap();
            decoded.is_err().then(|| json!({"outcome": "ignored"}))
        }
        Ok(Inbound::Request { id, method, params }) => {
            let schema = schema::of_method(method).unwrap();
            let label = Method::request(method).and_then(Method::params_label).unwrap();
            let decoded = schema::rewrite(schema, params).unwrap();
            decoded.is_err().then(|| {
                json!({
                    "outcome": "error_response", "id": id, "error_code": "invalid_params",
                    "message": format!("invalid {label} params"),
                })
            })
        }
    }
}

fn close(close: Close) -> Value {
    json!({"outcome": "close", "close_code": close.code, "reason": close.reason})
}

#[test]
fn an_id_of_256_bytes_is_fine_and_so_is_a_longer_one_on_what_is_no_request() {
    let longest = "x".repeat(limits::REQUEST_ID);
    let longer = "x".repeat(limits::REQUEST_ID + 1);
    let empty = less_sync_core::wire::Empty;
    assert!(frame::parse(&frame::request(&longest, "pull", &empty)).is_ok());
    assert_eq!(frame::parse(&frame::request(&longer, "pull", &empty)), Err(Unreadable::IdTooLong));
    assert_eq!(frame::parse(&frame::response(&longer, &empty)), Ok(Inbound::Ignored));
}
