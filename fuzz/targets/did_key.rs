//! `did:key` texts: a text that decodes is the only encoding of its key (auth §5).
#![no_main]

use less_sync_auth::did_key;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(did) = str::from_utf8(input) else { return };
    if let Ok(key) = did_key::decode(did) {
        assert_eq!(did_key::encode(&key).as_str(), did, "a key has two texts");
    }
});
