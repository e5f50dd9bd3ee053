//! Limits of the profile: rejected and accepted extremes.

use std::time::Duration;

use less_sync_core::frame::{Inbound, Unreadable, parse, parse_auth, parse_server};
use less_sync_core::wire::{Empty, push::PushParams};

use super::item::{head, write_text};
use super::processor_time::processor_time;

const MALFORMED: Result<Inbound<'_>, Unreadable> = Err(Unreadable::Malformed);

/// A map of members that are encoded already.
fn map(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    head(&mut out, 5, members.len() as u64, 0);
    for (key, item) in members {
        write_text(&mut out, key);
        out.extend_from_slice(item);
    }
    out
}

/// A push whose params are `params`.
fn push(params: &[u8]) -> Vec<u8> {
    map(&[("type", &[0]), ("id", b"\x61r"), ("method", b"\x64push"), ("params", params)])
}

/// An unknown frame that carries `item`.
fn carrying(item: &[u8]) -> Vec<u8> {
    map(&[("type", &[9]), ("x", item)])
}

fn decodes_as_empty(message: &[u8]) -> bool {
    let Ok(Inbound::Request { params, .. }) = parse(message) else { panic!("not a request") };
    params.decode::<Empty>().is_ok()
}

#[test]
fn thirty_two_levels_are_fine_and_one_more_is_malformed() {
    for (open, close) in
        [(&[0x81][..], &[][..]), (&[0x9f], &[0xff]), (b"\xa1\x61k", &[]), (b"\xbf\x61k", &[0xff])]
    {
        // The frame is the first level.
        for (levels, is_fine) in [(31, true), (32, false), (4000, false)] {
            let item = [open.repeat(levels), vec![0], close.repeat(levels)].concat();
            assert_eq!(parse(&carrying(&item)).is_ok(), is_fine, "{levels} × {open:02x?}");
        }
    }
}

#[test]
fn a_tag_is_a_level_too() {
    let tagged = |levels| carrying(&[vec![0xc1; levels], vec![0]].concat());
    assert_eq!(parse(&tagged(31)), Ok(Inbound::Ignored));
    assert_eq!(parse(&tagged(32)), MALFORMED);
    assert_eq!(parse(&tagged(1_000_000)), MALFORMED);
}

/// Protocol §2.1: on the frame level a repeated key is malformed, known or not.
#[test]
fn repeated_keys_of_the_envelope_are_malformed() {
    for key in ["type", "id", "method", "params", "unknown"] {
        let value: &[u8] = match key {
            "type" => &[0],
            "params" => &[0xa0],
            _ => b"\x61v",
        };
        let others = [("type", &[0][..]), ("id", b"\x61r"), ("method", b"\x64push")];
        let members: Vec<_> = others
            .into_iter()
            .filter(|(other, _)| *other != key)
            .chain([(key, value), (key, value)])
            .collect();
        assert_eq!(parse(&map(&members)), MALFORMED, "{key}");
    }
    assert_eq!(parse(&carrying(&map(&[("a", &[0]), ("a", &[1])]))), MALFORMED, "below an unknown key");
}

/// Protocol §2.1: inside params a repeated key spoils the params, at any depth, known or not.
#[test]
fn repeated_keys_inside_params_are_invalid_params() {
    let twice = map(&[("a", &[0]), ("b", &[1]), ("a", &[2])]);
    let nested = map(&[("unknown", &[&[0x81][..], &twice].concat())]);
    assert!(!decodes_as_empty(&push(&twice)));
    assert!(!decodes_as_empty(&push(&nested)));
    assert!(decodes_as_empty(&push(&map(&[("a", &[0]), ("b", &[1])]))));
}

#[test]
fn a_repeated_key_is_found_however_its_length_is_written_and_however_many_there_are() {
    let differently_spelled = b"\xa2\x61k\x00\x78\x01k\x00";
    assert!(!decodes_as_empty(&push(differently_spelled)));

    for count in [2, 11, 12, 13, 14, 1000] {
        let names: Vec<_> = (0..count).map(|number| format!("key {number}")).collect();
        let mut members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &[0_u8][..])).collect();
        assert!(decodes_as_empty(&push(&map(&members))), "{count} different keys");
        members.push((&names[count / 2], &[0]));
        assert!(!decodes_as_empty(&push(&map(&members))), "{count} keys and one twice");
    }
}

/// A key may be used again in a neighbour, a parent or a child.
#[test]
fn equal_keys_of_different_maps_are_no_repetition() {
    let inner = map(&[("a", &[0]), ("b", &[0])]);
    let params = map(&[("a", &inner), ("b", &[&[0x82][..], &inner, &inner].concat())]);
    assert!(decodes_as_empty(&push(&params)));
    assert_eq!(parse(&carrying(&map(&[("type", &[0]), ("x", &inner)]))), Ok(Inbound::Ignored));
}

#[test]
fn items_outside_the_profile_are_malformed_even_in_ignored_members() {
    let cases: &[(&str, &[u8])] = &[
        ("integer key", b"\xa1\x01\x02"),
        ("byte string key", b"\xa1\x41k\x02"),
        ("text in pieces", b"\x7f\x61a\x61b\xff"),
        ("bytes in pieces", b"\x5f\x41a\x41b\xff"),
        ("invalid UTF-8", b"\x62\xc3\x28"),
        ("a surrogate", b"\x63\xed\xa0\x80"),
        ("invalid UTF-8 in a key", b"\xa1\x61\xff\x00"),
        ("reserved length", b"\x1c"),
        ("reserved length of an array", b"\x9c"),
        ("indefinite integer", b"\x1f"),
        ("indefinite tag", b"\xdf\x00"),
        ("lone break", b"\xff"),
        ("break instead of a value", b"\xbf\x61k\xff"),
        ("break in a definite array", b"\x81\xff"),
        ("simple value below 32 in two bytes", b"\xf8\x14"),
        ("tag without item", b"\xc1"),
    ];
    for (what, item) in cases {
        assert_eq!(parse(&carrying(item)), MALFORMED, "{what}");
        assert_eq!(parse(&push(&map(&[("x", item)]))), MALFORMED, "{what} inside params");
        assert!(parse_auth(&carrying(item)).is_err() && parse_server(&carrying(item)).is_err());
    }
}

/// The declared length must not be believed before the bytes are there.
#[test]
fn declared_lengths_cost_nothing() {
    let before = processor_time();
    for major in 2..=5 {
        for length in [1, 1 << 20, 1 << 40, 1 << 62, u64::MAX] {
            let mut item = Vec::new();
            head(&mut item, major, length, 0);
            assert_eq!(parse(&carrying(&item)), MALFORMED);
            let changes = [&b"\xa2\x65space\x60\x67changes"[..], &item].concat();
            assert!(<PushParams<'_> as less_sync_core::cbor::Decode>::decode(&changes).is_err());
        }
    }
    // An allocation or a loop of the declared length would not end.
    assert!(processor_time().saturating_sub(before) < Duration::from_secs(5));
}

/// Work must not grow with the square of the number of keys.
#[test]
fn hostile_maps_of_eight_mebibytes_are_scanned_in_a_moment() {
    const SIZE: usize = 8 << 20;
    let many_keys = {
        let mut map = vec![0xbf];
        for number in 0_u64.. {
            if map.len() + 8 > SIZE {
                break;
            }
            write_text(&mut map, &format!("{number:x}"));
            map.push(0);
        }
        map.push(0xff);
        map
    };
    let long_equal_beginnings = {
        let mut map = vec![0xbf];
        for number in 0_u32.. {
            if map.len() + 1000 > SIZE {
                break;
            }
            write_text(&mut map, &format!("{}{number:09}", "a".repeat(900)));
            map.push(0);
        }
        map.push(0xff);
        map
    };
    let many_maps = [&[0x9f][..], &b"\xa2\x61a\x00\x61b\x00".repeat(SIZE / 7), &[0xff]].concat();
    let many_items = [&[0x9f][..], &vec![0; SIZE - 2], &[0xff]].concat();
    for (what, item) in [
        ("keys", many_keys),
        ("long equal beginnings", long_equal_beginnings),
        ("maps", many_maps),
        ("items", many_items),
    ] {
        let message = carrying(&item);
        let before = processor_time();
        assert_eq!(parse(&message), Ok(Inbound::Ignored), "{what}");
        let spent = processor_time().saturating_sub(before);
        assert!(spent < Duration::from_secs(20), "{what}: {spent:?}, unoptimized");
    }
}
