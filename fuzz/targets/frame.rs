//! Whole messages, parsed as authentication, as inbound messages of a server, and as messages of a server.

#![no_main]

use less_sync_core::frame::{self, Inbound, ServerFrame};
use less_sync_core::wire::Empty;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    let token = frame::parse_auth(message);
    let inbound = frame::parse(message);
    // An authentication message is a regular notification.
    if token.is_ok() {
        assert!(matches!(inbound, Ok(Inbound::Notification { method: "auth", .. })));
    }
    if let Ok(Inbound::Request { id, method, .. }) = inbound {
        // Ids and methods are echoed, so they must round-trip.
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
