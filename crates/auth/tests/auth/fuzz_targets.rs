//! Fuzz targets on a few thousand arbitrary inputs. `fuzz/` is a workspace of its own that needs a nightly compiler; as
//! modules of this test, its targets compile with every change.

use proptest::prelude::*;

mod stand_in {
    /// Stand-in for the macro of `libfuzzer-sys`: defines a function instead of the entry point of a program.
    #[macro_export]
    macro_rules! fuzz_target {
        (|$input:ident: &[u8]| $body:block) => {
            pub(super) fn run($input: &[u8]) $body
        };
    }
}

macro_rules! targets {
    ($($name:ident: $path:literal,)+) => {$(
        #[path = $path]
        #[expect(unused_attributes, reason = "`no_main` is for the fuzzer")]
        mod $name;

        proptest! {
            #[test]
            fn $name(input in input()) {
                self::$name::run(&input);
            }
        }
    )+};
}

targets! {
    access_token: "../../../../fuzz/targets/access_token.rs",
    did_key: "../../../../fuzz/targets/did_key.rs",
    frame: "../../../../fuzz/targets/frame.rs",
    key_set: "../../../../fuzz/targets/key_set.rs",
    params: "../../../../fuzz/targets/params.rs",
    ucan: "../../../../fuzz/targets/ucan.rs",
}

/// Bytes, or text behind the byte 0x00, which targets sign before they verify it.
fn input() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        r#"\x00[{}\[\]":,a-z0-9 ]{0,80}(\x00[{}\[\]":,a-zA-Z0-9 ]{0,80})?"#.prop_map(String::into_bytes),
    ]
}
