//! Member semantics: absent, null, empty, zero, out of range or spelled twice (protocol §2.3,
//! newer-clients §1–§4).
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use less_sync_core::cbor::{Decode, Encode, InvalidParams};
use less_sync_core::frame::{self, Inbound};
use less_sync_core::wire::deks::{DeksGetParams, DeksRewrapParams};
use less_sync_core::wire::epoch::EpochBeginParams;
use less_sync_core::wire::epoch_keys::EpochKeysPutParams;
use less_sync_core::wire::event::Sync;
use less_sync_core::wire::membership::{
    MembershipAppendParams, MembershipListParams, MembershipRevokeParams,
};
use less_sync_core::wire::pull::{OnCursorAhead, PullBegin, PullParams};
use less_sync_core::wire::push::{PushParams, PushResult};
use less_sync_core::wire::subscribe::{SubscribeParams, UnsubscribeParams};
use less_sync_core::wire::{DekField, Empty};
use less_sync_core::{Cursor, Epoch};

/// An item for members: null and undefined are no Rust values.
#[derive(Clone)]
struct Item(Vec<u8>);

fn item<T: Encode + ?Sized>(value: &T) -> Item {
    let mut out = Vec::new();
    value.encode(&mut out);
    Item(out)
}

fn null() -> Item {
    Item(vec![0xf6])
}

fn undefined() -> Item {
    Item(vec![0xf7])
}

fn bytes(bytes: &[u8]) -> Item {
    item(bytes)
}

/// A map of up to 23 members with keys of up to 23 bytes.
fn map(members: &[(&str, Item)]) -> Item {
    let mut out = vec![0xa0 | u8::try_from(members.len()).unwrap()];
    for (key, Item(value)) in members {
        key.encode(&mut out);
        out.extend_from_slice(value);
    }
    Item(out)
}

fn list(items: &[Item]) -> Item {
    let mut out = vec![0x9f];
    for Item(item) in items {
        out.extend_from_slice(item);
    }
    out.push(0xff);
    Item(out)
}

fn decode<'b, T: Decode<'b>>(Item(bytes): &'b Item) -> Result<T, InvalidParams> {
    T::decode(bytes)
}

/// The members with others put over them.
fn with(members: &[(&'static str, Item)], others: &[(&'static str, Item)]) -> Item {
    let kept = members.iter().filter(|(key, _)| !others.iter().any(|(other, _)| other == key));
    map(&kept.chain(others).cloned().collect::<Vec<_>>())
}

fn push(change: &[(&'static str, Item)], others: &[(&'static str, Item)]) -> Item {
    let change = with(&[("id", item("r")), ("expected_cursor", item(&0_i64))], change);
    with(&[("space", item("s")), ("changes", list(&[change]))], others)
}

#[test]
fn absent_null_and_undefined_mean_the_same() {
    let absent = push(&[], &[]);
    let expected: PushParams<'_> = decode(&absent).unwrap();
    assert_eq!((expected.ucan, expected.epoch), (None, None));
    assert_eq!((expected.changes[0].blob, expected.changes[0].dek), (None, DekField::Absent));
    for nothing in [null(), undefined()] {
        let change = [("blob", nothing.clone()), ("dek", nothing.clone()), ("wrapped_dek", nothing.clone())];
        let params =
            [("ucan", nothing.clone()), ("epoch", nothing.clone()), ("home_server", nothing.clone())];
        assert_eq!(decode::<PushParams<'_>>(&push(&change, &params)).as_ref(), Ok(&expected));
    }
}

#[test]
fn a_required_member_that_is_null_or_undefined_is_invalid() {
    for nothing in [null(), undefined()] {
        for params in [
            push(&[("id", nothing.clone())], &[]),
            push(&[("expected_cursor", nothing.clone())], &[]),
            push(&[], &[("space", nothing.clone())]),
            push(&[], &[("changes", nothing)]),
        ] {
            assert_eq!(decode::<PushParams<'_>>(&params), Err(InvalidParams));
        }
    }
}

#[test]
fn the_empty_text_is_an_absent_ucan_and_the_empty_blob_is_a_live_record() {
    let params = push(&[("blob", bytes(b""))], &[("ucan", item("")), ("home_server", item(""))]);
    let push: PushParams<'_> = decode(&params).unwrap();
    assert_eq!((push.ucan, push.home_server), (None, None));
    assert_eq!(push.changes[0].blob, Some(&b""[..]));
}

#[test]
fn params_that_are_no_map_are_invalid_and_extra_members_are_passed_over() {
    for item in [
        null(),
        undefined(),
        list(&[]),
        item("text"),
        item(&1_i64),
        bytes(b"\xa0"),
        Item(b"\xc1\xa0".to_vec()),
    ] {
        let message =
            with(&[("type", self::item(&0_i64)), ("method", self::item("push"))], &[("params", item)]);
        let Ok(Inbound::Request { id: "", params, .. }) = frame::parse(&message.0) else {
            panic!("not a request")
        };
        assert_eq!(params.decode::<Empty>(), Err(InvalidParams));
    }
    let params = push(&[("hint", list(&[null()]))], &[("trace", map(&[("a", Item(vec![0xf9, 0x7e, 0]))]))]);
    assert!(decode::<PushParams<'_>>(&params).is_ok());
}

#[test]
fn other_types_are_invalid() {
    let float = Item(vec![0xf9, 0, 0]);
    for (key, value) in [
        ("expected_cursor", float.clone()),
        ("expected_cursor", item("0")),
        ("expected_cursor", item(&true)),
        ("expected_cursor", Item(b"\xc2\x41\x01".to_vec())),
        ("id", bytes(b"r")),
        ("blob", item("text")),
        ("blob", list(&[item(&1_i64)])),
        ("dek", item("text")),
        ("wrapped_dek", float),
    ] {
        assert_eq!(decode::<PushParams<'_>>(&push(&[(key, value)], &[])), Err(InvalidParams), "{key}");
    }
}

/// Newer-clients §3.1: 0 is not stated, negative and beyond i32 are invalid.
#[test]
fn the_epoch_of_a_writer_is_positive_or_not_stated() {
    let stated =
        |epoch: i64| decode::<PushParams<'_>>(&push(&[], &[("epoch", item(&epoch))])).map(|push| push.epoch);
    assert_eq!(stated(0), Ok(None));
    assert_eq!(stated(1), Ok(Some(Epoch::FIRST)));
    assert_eq!(stated(i64::from(i32::MAX)), Ok(Some(Epoch::new(i32::MAX).unwrap())));
    for epoch in [-1, i64::from(i32::MIN), 1 << 31, i64::MAX] {
        assert_eq!(stated(epoch), Err(InvalidParams), "{epoch}");
    }
}

#[test]
fn an_expected_cursor_is_any_i64() {
    for cursor in [i64::MIN, -1, 0, 1, 1 << 53, i64::MAX] {
        let params = push(&[("expected_cursor", item(&cursor))], &[]);
        assert_eq!(decode::<PushParams<'_>>(&params).unwrap().changes[0].expected_cursor, cursor);
    }
    for beyond in [vec![0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0], vec![0x3b, 0x80, 0, 0, 0, 0, 0, 0, 0]] {
        let params = push(&[("expected_cursor", Item(beyond))], &[]);
        assert_eq!(decode::<PushParams<'_>>(&params), Err(InvalidParams));
    }
}

/// Appendix A: input cursors go up to 2^63 - 1, because a client may be ahead of everything.
#[test]
fn since_goes_from_zero_to_the_end_of_i64() {
    let since = |since: Item| {
        let params = map(&[("spaces", list(&[map(&[("id", item("s")), ("since", since)])]))]);
        let subscribed = decode::<SubscribeParams<'_>>(&params).map(|params| params.spaces[0].since);
        assert_eq!(decode::<PullParams<'_>>(&params).map(|params| params.spaces[0].since), subscribed);
        subscribed
    };
    assert_eq!(since(item(&0_i64)), Ok(0));
    assert_eq!(since(item(&i64::MAX)), Ok(i64::MAX as u64));
    assert_eq!(since(item(&(1_u64 << 63))), Err(InvalidParams));
    assert_eq!(since(item(&-1_i64)), Err(InvalidParams));
    assert_eq!(since(null()), Err(InvalidParams));
}

#[test]
fn absent_numbers_of_lists_are_zero() {
    let space = [("space", item("s"))];
    assert_eq!(decode::<DeksGetParams<'_>>(&map(&space)).unwrap().since, 0);
    assert_eq!(decode::<DeksGetParams<'_>>(&with(&space, &[("since", null())])).unwrap().since, 0);
    let params = map(&space);
    let list: MembershipListParams<'_> = decode(&params).unwrap();
    assert_eq!((list.since_seq, list.until_seq), (0, None));
}

/// Newer-clients §1 R2, §3.1.
#[test]
fn a_key_in_both_spellings_is_one_key_or_a_remembered_conflict() {
    let dek = |change: &[(&'static str, Item)]| {
        let params = push(change, &[]);
        let decoded: PushParams<'_> = decode(&params).unwrap();
        match decoded.changes[0].dek {
            DekField::Absent => None,
            DekField::Stated(dek) => Some(Ok(dek.to_vec())),
            DekField::Conflicting { first, second } => Some(Err((first.to_vec(), second.to_vec()))),
        }
    };
    let (one, other) = (bytes(b"one"), bytes(b"other"));
    assert_eq!(dek(&[("dek", one.clone())]), Some(Ok(b"one".to_vec())));
    assert_eq!(dek(&[("wrapped_dek", one.clone())]), Some(Ok(b"one".to_vec())));
    assert_eq!(dek(&[("wrapped_dek", one.clone()), ("dek", one.clone())]), Some(Ok(b"one".to_vec())));
    assert_eq!(dek(&[("dek", null()), ("wrapped_dek", one.clone())]), Some(Ok(b"one".to_vec())));
    assert_eq!(dek(&[("dek", one.clone()), ("wrapped_dek", undefined())]), Some(Ok(b"one".to_vec())));
    assert_eq!(dek(&[("dek", bytes(b""))]), Some(Ok(Vec::new())), "an empty key is a wrong key");
    let conflict = Some(Err((b"one".to_vec(), b"other".to_vec())));
    assert_eq!(dek(&[("dek", one.clone()), ("wrapped_dek", other.clone())]), conflict);
    assert_eq!(dek(&[("wrapped_dek", one.clone()), ("dek", other.clone())]), conflict);

    let entry = map(&[("id", item("r")), ("wrapped_dek", one), ("dek", other)]);
    let params = map(&[("space", item("s")), ("deks", list(&[entry]))]);
    let rewrap: DeksRewrapParams<'_> = decode(&params).unwrap();
    assert!(matches!(rewrap.deks[0].dek, DekField::Conflicting { .. }));
}

/// Newer-clients §2: either one true = true.
#[test]
fn the_minimum_is_set_when_either_spelling_says_so() {
    let begins = |flags: &[(&'static str, Item)]| {
        let params = with(&[("space", item("s")), ("epoch", item(&2_i64))], flags);
        decode::<EpochBeginParams<'_>>(&params).map(|params| params.set_min_key_generation)
    };
    let (yes, no) = (item(&true), item(&false));
    assert_eq!(begins(&[]), Ok(false));
    assert_eq!(begins(&[("set_min_epoch", null())]), Ok(false));
    assert_eq!(begins(&[("set_min_epoch", yes.clone()), ("set_min_key_generation", no.clone())]), Ok(true));
    assert_eq!(begins(&[("set_min_epoch", no), ("set_min_key_generation", yes)]), Ok(true));
    assert_eq!(begins(&[("set_min_epoch", item(&1_i64))]), Err(InvalidParams));
}

#[test]
fn unknown_words_are_invalid_and_absent_ones_are_none() {
    let append = |kind: Item| {
        let hash = bytes(b"h");
        let params = map(&[
            ("space", item("s")),
            ("expected_version", item(&0_i64)),
            ("entry_hash", hash.clone()),
            ("payload", hash),
            ("prev_hash", bytes(b"")),
            ("kind", kind),
        ]);
        let decoded = decode::<MembershipAppendParams<'_>>(&params)?;
        assert_eq!(decoded.prev_hash, None, "an empty hash is none");
        Ok::<_, InvalidParams>(decoded.kind)
    };
    assert_eq!(append(null()), Ok(None));
    assert!(append(item("accept")).unwrap().is_some() && append(item("decline")).unwrap().is_some());
    assert_eq!(append(item("Accept")), Err(InvalidParams));
    assert_eq!(append(item("")), Err(InvalidParams));

    let pull = |word: Item| {
        let params = map(&[("spaces", list(&[])), ("on_cursor_ahead", word)]);
        decode::<PullParams<'_>>(&params).map(|params| params.on_cursor_ahead)
    };
    assert_eq!(pull(undefined()), Ok(None));
    assert_eq!(pull(item("rewind")), Ok(Some(OnCursorAhead::Rewind)));
    assert_eq!(pull(item("ignore")), Err(InvalidParams));

    let params = map(&[("space", item("s")), ("ucan_cid", item("c")), ("member_did", item(""))]);
    assert_eq!(decode::<MembershipRevokeParams<'_>>(&params).unwrap().member_did, None);
}

/// Lists with a fixed limit keep one item more than it, and still look at every item.
#[test]
fn long_lists_are_checked_to_the_end_but_not_kept() {
    let entry = map(&[("id", item("s")), ("since", item(&0_i64))]);
    let spaces = |entries: &[Item]| map(&[("spaces", list(entries))]);
    let many = vec![entry.clone(); 5000];
    assert_eq!(decode::<SubscribeParams<'_>>(&spaces(&many)).unwrap().spaces.len(), 1001);
    assert_eq!(decode::<PullParams<'_>>(&spaces(&many)).unwrap().spaces.len(), 1001);
    assert_eq!(decode::<PullParams<'_>>(&spaces(&many[..1000])).unwrap().spaces.len(), 1000);
    assert_eq!(decode::<UnsubscribeParams<'_>>(&spaces(&vec![item("s"); 5000])).unwrap().spaces.len(), 1000);

    let last_is_wrong = [&many[..], &[item("s")]].concat();
    assert_eq!(decode::<SubscribeParams<'_>>(&spaces(&last_is_wrong)), Err(InvalidParams));

    let share = map(&[("member_did", item("d")), ("wrapped_key", bytes(b"k"))]);
    let keys = map(&[("space", item("s")), ("epoch", item(&1_i64)), ("keys", list(&vec![share; 1500]))]);
    assert_eq!(decode::<EpochKeysPutParams<'_>>(&keys).unwrap().keys.len(), 1001);
}

/// Members without meaning are left out, never null (protocol §2.3, D-06).
#[test]
fn optional_members_are_omitted_on_output() {
    let encoded = |result: &PushResult<'_>| item(result).0;
    let done = PushResult { ok: true, cursor: Cursor::ZERO, error: None };
    assert_eq!(encoded(&done), b"\xa1\x62ok\xf5");
    assert_eq!(
        encoded(&PushResult { cursor: Cursor::new(24).unwrap(), ..done }),
        b"\xa2\x62ok\xf5\x66cursor\x18\x18"
    );
    let begin = PullBegin {
        space: "s",
        prev: Cursor::ZERO,
        cursor: Cursor::ZERO,
        key_generation: Epoch::FIRST,
        rewrap_epoch: None,
    };
    assert_eq!(
        item(&begin).0,
        b"\xa5\x65space\x61s\x64prev\x00\x66cursor\x00\x6ekey_generation\x01\x65epoch\x01"
    );
}

/// Epochs from servers of either generation; the older original does not know it in `sync`.
#[test]
fn clients_read_the_key_generation_in_either_spelling() {
    let sync = |members: &[(&'static str, Item)]| {
        let space = item("7b0d9e52-1c34-4f6a-8e21-5d90ab34cd12");
        let zero = item(&0_i64);
        let known = [("space", space), ("prev", zero.clone()), ("cursor", zero), ("records", list(&[]))];
        decode::<Sync<'_>>(&with(&known, members)).map(|sync| sync.key_generation.get())
    };
    let number = |number: i64| item(&number);
    assert_eq!(sync(&[("key_generation", number(3))]), Ok(3));
    assert_eq!(sync(&[("epoch", number(3))]), Ok(3));
    assert_eq!(sync(&[("epoch", number(3)), ("key_generation", number(3))]), Ok(3));
    assert_eq!(sync(&[("epoch", number(3)), ("key_generation", number(2))]), Err(InvalidParams));
    assert_eq!(sync(&[("key_generation", number(0))]), Ok(1));
    assert_eq!(sync(&[("key_generation", number(-1))]), Err(InvalidParams));
    assert_eq!(sync(&[]), Err(InvalidParams));
}
