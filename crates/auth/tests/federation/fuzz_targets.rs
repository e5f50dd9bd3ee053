//! Fuzz targets of credentials between servers on a few thousand arbitrary inputs, see `tests/auth/fuzz_targets.rs`.

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

#[path = "../../../../fuzz/targets/http_signature.rs"]
#[expect(unused_attributes, reason = "`no_main` is for the fuzzer")]
mod http_signature;

#[path = "../../../../fuzz/targets/subscribe_token.rs"]
#[expect(unused_attributes, reason = "`no_main` is for the fuzzer")]
mod subscribe_token;

proptest! {
    /// Federation T-061.
    #[test]
    fn no_signature_header_makes_the_verifier_panic(
        input in "sig=\\((\"(@method|@target-uri|host|x)\" ?){0,4}\\)(;(keyid|alg|created|expires|nonce|x)=[\"0-9a-z:/#?.]{0,30}){0,5}\n?[ -~]{0,60}"
    ) {
        http_signature::run(input.as_bytes());
    }

    #[test]
    fn no_token_and_no_key_set_makes_the_parser_panic(input in proptest::collection::vec(any::<u8>(), 0..300)) {
        subscribe_token::run(&input);
    }
}
