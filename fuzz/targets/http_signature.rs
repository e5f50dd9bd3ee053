//! Signature headers of a request, verified with a known key.
#![no_main]

use less_sync_auth::federation::SigningKey;
use less_sync_auth::federation::http_signature::{ReceivedRequest, SignatureInput, SignaturePolicy};
use less_sync_core::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let (input, signature) = text.split_once('\n').unwrap_or((&text, "sig=:AA==:"));
    let headers = [("host", "home.example"), ("signature-input", input), ("signature", signature)];
    let request = ReceivedRequest { method: "GET", target: "/api/v1/federation/ws", headers: &headers };
    let policy = SignaturePolicy::default();
    if let Ok(parsed) = SignatureInput::parse(&request, &policy, Timestamp::from_seconds(1_767_225_600)) {
        let _rejected = parsed.verify(&[SigningKey::from_seed(&[7; 32]).public()]);
    }
});
