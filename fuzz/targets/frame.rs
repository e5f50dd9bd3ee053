//! Whole messages, as a server reads the first and the later ones, and as a client reads.

#![no_main]

use less_sync_core::frame::{self, Inbound, ServerFrame};
use less_sync_core::wire::Empty;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    let token = frame::parse_auth(message);
    let inbound = frame::parse(message);
    // What authenticates is a notification like any other.
    if token.is_ok() {
        assert!(matches!(inbound, Ok(Inbound::Notification { method: "auth", .. })));
    }
    if let Ok(Inbound::Request { id, method, .. }) = inbound {
        // An id and a method are echoed, so they must survive being written.
        let echo = frame::request(id, method, &Empty);
        assert!(matches!(
            frame::parse(&echo),
            Ok(Inbound::Request { id: same_id, method: same_method, .. }) if same_id == id && same_method == method
        ));
    }
    if let Ok(ServerFrame::Response { id, outcome: Err(error) }) = frame::parse_server(message) {
        let echo = frame::error_text(id, error.code, error.message);
        assert!(matches!(
            frame::parse_server(&echo),
            Ok(ServerFrame::Response { id: same, outcome: Err(again) }) if same == id && again == error
        ));
    }
});
