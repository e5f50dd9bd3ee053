//! Envelopes as clients and servers read and write them (protocol §1.4, §2.2, §2.4).
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use less_sync_core::ErrorCode;
use less_sync_core::cbor::{Encode, Malformed};
use less_sync_core::frame::{self, BadAuthFrame, Inbound, RpcError, ServerFrame};
use less_sync_core::wire::method::Method;
use less_sync_core::wire::pull::ChunkCount;
use less_sync_core::wire::{Empty, chunk};

/// A map of members that are encoded already; keys and texts are short.
fn map(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = vec![0xa0 | u8::try_from(members.len()).unwrap()];
    for (key, item) in members {
        key.encode(&mut out);
        out.extend_from_slice(item);
    }
    out
}

const EMPTY_MAP: &[u8] = &[0xa0];
const TEXT: &[u8] = b"\x61x";
const ERROR: &[u8] = b"\xa2\x64code\x61c\x67message\x61m";

#[test]
fn every_kind_of_server_frame_is_read() {
    let result = map(&[("type", &[1]), ("id", TEXT), ("result", EMPTY_MAP)]);
    let Ok(ServerFrame::Response { id: "x", outcome: Ok(body) }) = frame::parse_server(&result) else {
        unreachable!("{:?}", frame::parse_server(&result))
    };
    assert_eq!(body.decode(), Ok(Empty));

    let error = map(&[("type", &[1]), ("id", TEXT), ("error", ERROR)]);
    let outcome = Err(RpcError { code: "c", message: "m" });
    assert_eq!(frame::parse_server(&error), Ok(ServerFrame::Response { id: "x", outcome }));

    let chunk = map(&[("type", &[3]), ("id", TEXT), ("name", b"\x61n"), ("data", EMPTY_MAP)]);
    assert!(matches!(frame::parse_server(&chunk), Ok(ServerFrame::Chunk { id: "x", name: "n", .. })));

    let notification = map(&[("type", &[2]), ("method", TEXT), ("params", EMPTY_MAP)]);
    assert!(matches!(frame::parse_server(&notification), Ok(ServerFrame::Notification { method: "x", .. })));

    assert_eq!(frame::parse_server(&[0xf6]), Ok(ServerFrame::Keepalive));
    for kind in [0, 4, 0x20] {
        assert_eq!(frame::parse_server(&map(&[("type", &[kind])])), Ok(ServerFrame::Ignored));
    }
}

#[test]
fn server_frames_without_what_their_type_needs_are_malformed() {
    let (response, event, chunk): (&[u8], &[u8], &[u8]) = (&[1], &[2], &[3]);
    for members in [
        &[("type", response), ("id", TEXT)][..],
        &[("type", response), ("id", TEXT), ("result", EMPTY_MAP), ("error", ERROR)],
        &[("type", response), ("result", EMPTY_MAP)],
        &[("type", response), ("id", TEXT), ("error", EMPTY_MAP)],
        &[("type", response), ("id", TEXT), ("error", TEXT)],
        &[("type", chunk), ("id", TEXT), ("data", EMPTY_MAP)],
        &[("type", chunk), ("name", TEXT), ("data", EMPTY_MAP)],
        &[("type", chunk), ("id", TEXT), ("name", EMPTY_MAP), ("data", EMPTY_MAP)],
        &[("type", event), ("params", EMPTY_MAP)],
        &[("id", TEXT), ("result", EMPTY_MAP)],
    ] {
        assert_eq!(frame::parse_server(&map(members)), Err(Malformed), "{members:02x?}");
    }
    assert_eq!(frame::parse_server(b""), Err(Malformed));
    assert_eq!(frame::parse_server(&[0xf6, 0xf6]), Err(Malformed));
}

/// Bodies are looked at by whoever knows their type.
#[test]
fn a_strange_body_is_found_when_it_is_decoded() {
    let twice = b"\xa2\x61k\x00\x61k\x00";
    for body in [twice, TEXT, &[0xf6]] {
        let message = map(&[("type", &[1]), ("id", TEXT), ("result", body)]);
        let Ok(ServerFrame::Response { outcome: Ok(result), .. }) = frame::parse_server(&message) else {
            unreachable!("a response")
        };
        assert!(result.decode::<Empty>().is_err());
    }
}

/// Protocol §1.4: the shape is checked before type and method.
#[test]
fn the_first_frame_must_have_a_token_before_anything_else() {
    let (request, notification): (&[u8], &[u8]) = (&[0], &[2]);
    let token = map(&[("token", b"\x61t")]);
    let auth: &[u8] = b"\x64auth";
    let good = map(&[("type", notification), ("method", auth), ("params", &token)]);
    assert_eq!(frame::parse_auth(&good).map(|params| params.token), Ok("t"));
    assert_eq!(frame::parse_auth(b""), Err(BadAuthFrame::Empty));
    for (members, expected) in [
        (&[("type", notification), ("method", TEXT), ("params", &token[..])][..], BadAuthFrame::NotAuth),
        (&[("type", request), ("method", auth), ("params", &token)], BadAuthFrame::NotAuth),
        (&[("type", &[9]), ("method", auth), ("params", &token)], BadAuthFrame::NotAuth),
        (&[("type", request), ("method", TEXT), ("params", EMPTY_MAP)], BadAuthFrame::Invalid),
        (&[("type", notification), ("method", auth)], BadAuthFrame::Invalid),
        (&[("type", notification), ("method", auth), ("params", &[0xf6])], BadAuthFrame::Invalid),
        (
            &[("type", notification), ("method", auth), ("params", b"\xa1\x65token\xf6")],
            BadAuthFrame::Invalid,
        ),
        (&[("type", notification), ("params", &token)], BadAuthFrame::Invalid),
        (&[("method", auth), ("params", &token)], BadAuthFrame::Invalid),
        (
            &[("type", notification), ("method", auth), ("id", &[7]), ("params", &token)],
            BadAuthFrame::Invalid,
        ),
    ] {
        assert_eq!(frame::parse_auth(&map(members)), Err(expected), "{members:02x?}");
    }
    assert_eq!(frame::parse_auth(&[&good[..], &[0]].concat()), Err(BadAuthFrame::Invalid));
}

#[test]
fn an_indefinite_envelope_is_an_envelope() {
    let message = b"\xbf\x64type\x00\x62id\x61r\x66method\x64pull\xff";
    assert!(matches!(frame::parse(message), Ok(Inbound::Request { id: "r", method: "pull", .. })));
    assert!(frame::parse(&message[..message.len() - 1]).is_err());
}

/// Protocol §2.1: shortest form, at every boundary.
#[test]
fn integers_are_written_in_their_shortest_form() {
    for (number, expected) in [
        (0_u64, &b"\x00"[..]),
        (23, b"\x17"),
        (24, b"\x18\x18"),
        (0xff, b"\x18\xff"),
        (0x100, b"\x19\x01\x00"),
        (0xffff, b"\x19\xff\xff"),
        (0x1_0000, b"\x1a\x00\x01\x00\x00"),
        (0xffff_ffff, b"\x1a\xff\xff\xff\xff"),
        (0x1_0000_0000, b"\x1b\x00\x00\x00\x01\x00\x00\x00\x00"),
        (u64::MAX, b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff"),
    ] {
        let mut out = Vec::new();
        number.encode(&mut out);
        assert_eq!(out, expected, "{number}");
    }
    for (number, expected) in [
        (-1_i64, &b"\x20"[..]),
        (-24, b"\x37"),
        (-25, b"\x38\x18"),
        (-256, b"\x38\xff"),
        (-257, b"\x39\x01\x00"),
        (i64::MIN, b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"),
    ] {
        let mut out = Vec::new();
        number.encode(&mut out);
        assert_eq!(out, expected, "{number}");
    }
}

#[test]
fn chunks_of_a_page_share_a_buffer() {
    let mut page = Vec::new();
    let mut ends = Vec::new();
    for chunks in 0..3 {
        frame::write_chunk(&mut page, "r", chunk::PULL_COMMIT, &ChunkCount { chunks });
        ends.push(page.len());
    }
    let mut begin = 0;
    for (chunks, end) in (0..3).zip(ends) {
        let Ok(ServerFrame::Chunk { id: "r", name: chunk::PULL_COMMIT, data }) =
            frame::parse_server(&page[begin..end])
        else {
            unreachable!("a chunk")
        };
        assert_eq!(data.decode(), Ok(ChunkCount { chunks }));
        begin = end;
    }
}

#[test]
fn every_error_code_goes_out_and_comes_back() {
    for code in ErrorCode::ALL {
        let message = frame::error("r", code, "why");
        let Ok(ServerFrame::Response { id: "r", outcome: Err(error) }) = frame::parse_server(&message) else {
            unreachable!("an error")
        };
        assert_eq!((ErrorCode::parse(error.code), error.message), (Some(code), "why"));
    }
    assert_eq!(ErrorCode::parse("key_generation_stale"), Some(ErrorCode::EpochStale));
    assert_eq!(ErrorCode::parse("teapot"), None);
}

/// Protocol §3.4, newer-clients §4.1: only what can be requested has a label.
#[test]
fn notifications_and_unknown_names_have_no_label() {
    let params_label = |name| Method::parse(name).and_then(Method::params_label);
    assert_eq!(params_label("push"), Some("push"));
    assert_eq!(params_label("file.deks.get"), params_label("deks.getFiles"));
    assert_eq!(params_label("epochKeys.put"), Some("epochKeys.put"));
    for name in ["auth", "unsubscribe", "presence.set", "event.send", "sync", ""] {
        assert_eq!(params_label(name), None, "{name}");
    }
}
