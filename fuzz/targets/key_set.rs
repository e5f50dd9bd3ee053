//! Key set documents of issuers (auth §3.1).
#![no_main]

use less_sync_auth::{KeySet, UnverifiedToken};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|document: &[u8]| {
    let Ok(set) = KeySet::parse(document) else { return };
    assert!(set.skipped().len() < 256);
    assert!(set.key("").is_none());
    let _ = str::from_utf8(document).map(UnverifiedToken::parse);
});
