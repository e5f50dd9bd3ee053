//! Properties checked for every type.

/// Declares `fn {name}() -> impl Strategy<Value = {type}>` from strategies of the members, and the tests of the type.
macro_rules! wire_type {
    ($name:ident: $type:ident $(<$life:lifetime>)? { $($member:ident: $strategy:expr),+ $(,)? }) => {
        pub(crate) fn $name() -> impl proptest::strategy::Strategy<Value = $type $(<$life>)?> {
            proptest::strategy::Strategy::prop_map(($($strategy,)+), |($($member,)+)| $type { $($member),+ })
        }

        checks!($name: $type);
    };
}

/// Declares the tests of a type that has a strategy.
macro_rules! checks {
    ($name:ident: $type:ident) => {
        mod $name {
            use less_sync_core::cbor::{Decode as _, Encode as _};
            use less_sync_core::frame::{self, Inbound, ServerFrame};
            use proptest::prelude::*;

            use super::$type;

            proptest! {
                #![proptest_config(ProptestConfig::with_cases(64))]

                #[test]
                fn is_read_back_from_a_request_and_from_a_response(value in super::$name()) {
                    let message = frame::request("r", "m", &value);
                    let Ok(Inbound::Request { params, .. }) = frame::parse(&message) else {
                        panic!("not a request")
                    };
                    prop_assert_eq!(params.decode(), Ok(value.clone()));

                    let message = frame::response("r", &value);
                    let Ok(ServerFrame::Response { outcome: Ok(result), .. }) = frame::parse_server(&message) else {
                        panic!("not a response")
                    };
                    prop_assert_eq!(result.decode(), Ok(value));
                }

                #[test]
                fn is_read_back_however_it_is_spelled(value in super::$name(), seed in any::<u64>()) {
                    let mut item = Vec::new();
                    value.encode(&mut item);
                    let item = crate::round_trip::respelled::respelled(&item, seed);
                    prop_assert_eq!($type::decode(&item), Ok(value));
                }

                #[test]
                fn is_written_as_long_as_announced_or_shorter(value in super::$name()) {
                    let mut item = Vec::new();
                    value.encode(&mut item);
                    prop_assert!(value.size_hint() == 0 || item.len() <= value.size_hint());
                    prop_assert!(item.len() + 400 + item.len() / 2 > value.size_hint());
                }

                #[test]
                fn survives_damage(
                    value in super::$name(),
                    damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
                    cut in any::<prop::sample::Index>(),
                ) {
                    let mut item = Vec::new();
                    value.encode(&mut item);
                    for (place, byte) in damage {
                        let place = place.index(item.len());
                        item[place] = byte;
                    }
                    let _ = $type::decode(&item);
                    let _ = $type::decode(&item[..cut.index(item.len())]);
                }

                #[test]
                fn survives_random_bytes(item in proptest::collection::vec(any::<u8>(), 0..64)) {
                    let _ = $type::decode(&item);
                }
            }
        }
    };
}
