//! Properties of all items.

use less_sync_core::frame::{Inbound, Unreadable, parse, parse_auth, parse_server};
use proptest::collection::vec;
use proptest::prelude::*;

use super::item::{Item, item};

/// A frame of an unknown type that carries `item` under an unknown key.
fn carrying(item: &Item) -> Vec<u8> {
    let mut message = vec![0xa2];
    message.extend_from_slice(b"\x64type\x18\x63\x61x");
    item.write(&mut message);
    message
}

/// True if the independent decoder sees exactly one item.
fn is_one_item(message: &[u8]) -> bool {
    let mut decoder = minicbor::Decoder::new(message);
    decoder.skip().is_ok() && decoder.position() == message.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_item_is_skipped_under_an_unknown_key(item in item()) {
        let message = carrying(&item);
        prop_assert!(is_one_item(&message));
        prop_assert_eq!(parse(&message), Ok(Inbound::Ignored));
    }

    #[test]
    fn a_message_cut_short_or_with_more_behind_it_is_malformed(item in item(), cut in any::<prop::sample::Index>()) {
        let mut message = carrying(&item);
        let cut = 1 + cut.index(message.len() - 1);
        prop_assert_eq!(parse(&message[..cut]), Err(Unreadable::Malformed));
        message.push(0);
        prop_assert_eq!(parse(&message), Err(Unreadable::Malformed));
    }

    #[test]
    fn random_bytes_never_panic_and_what_passes_is_one_item(message in vec(any::<u8>(), 0..200)) {
        let _ = parse_auth(&message);
        if parse(&message).is_ok() || parse_server(&message).is_ok() {
            prop_assert!(is_one_item(&message));
        }
    }

    #[test]
    fn mutated_messages_never_panic_and_what_passes_is_one_item(
        item in item(),
        mutations in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut message = carrying(&item);
        for (place, byte) in mutations {
            let place = place.index(message.len());
            message[place] = byte;
        }
        let _ = parse_auth(&message);
        if parse(&message).is_ok() || parse_server(&message).is_ok() {
            prop_assert!(is_one_item(&message));
        }
    }
}
