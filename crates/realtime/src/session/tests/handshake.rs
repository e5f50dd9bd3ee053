//! Protocol §1.4 and §2.4: P-003…P-008, P-020…P-030, X-02.

use super::*;

fn auth_failed(reason: &'static str) -> Close {
    Close::auth_failed(reason)
}

/// P-003
#[test]
fn silent_client_is_closed_with_auth_failed() {
    let mut fixture = Fixture::upgraded();
    let actions = fixture.waits(Limits::default().auth_timeout);
    assert!(matches!(actions.as_slice(), [Action::Close(close)] if *close == auth_failed("auth timeout")));
}

/// X-02, P-004, P-006, P-007
#[test]
fn every_bad_first_message_has_its_reason() {
    let binary = |bytes: &[u8]| Incoming::Binary(Bytes::copy_from_slice(bytes));
    let rows = [
        (Incoming::Text, auth_failed("expected binary auth frame")),
        (binary(b""), auth_failed("empty auth frame")),
        (binary(&[0xf6]), auth_failed("invalid auth frame")),
        (binary(&[0xff, 0x00]), auth_failed("invalid auth frame")),
        (Incoming::Binary(notification("auth")), auth_failed("invalid auth frame")),
        (
            Incoming::Binary(frame::request("1", "auth", &AuthParams { token: "t", did_proof: None })),
            auth_failed("first frame must be an auth notification"),
        ),
        (
            Incoming::Binary(frame::notification("hello", &AuthParams { token: "t", did_proof: None })),
            auth_failed("first frame must be an auth notification"),
        ),
        (Incoming::Binary(auth("")), auth_failed("empty auth token")),
        (Incoming::Closed, auth_failed("connection closed before auth")),
        (Incoming::Violation, auth_failed("failed to read auth frame")),
        (Incoming::TooBig, Close::TOO_BIG),
        (Incoming::Binary(vec![0; 64 * 1024 + 1].into()), Close::TOO_BIG),
    ];
    for (incoming, close) in rows {
        let mut fixture = Fixture::upgraded();
        fixture.meets(incoming);
        fixture.assert_closes(close);
    }
}

/// D-43
#[test]
fn ping_before_auth_is_ignored() {
    let mut fixture = Fixture::upgraded();
    fixture.meets(Incoming::Control);
    assert!(fixture.next().is_none());
    fixture.receives(auth("token"));
    assert!(matches!(fixture.next(), Some(Action::Authenticate(_))));
}

#[test]
fn reading_stops_while_the_token_is_validated() {
    let mut fixture = Fixture::upgraded();
    fixture.receives(auth("token"));
    assert!(!fixture.session.can_read());
    fixture.session.on_authenticated(fixture.now, HOUR);
    assert!(fixture.session.can_read());
}

///
#[test]
fn validation_timeout_is_an_outage_and_no_rejection() {
    let mut fixture = Fixture::upgraded();
    fixture.receives(auth("token"));
    fixture.all();
    let actions = fixture.waits(Limits::default().auth_validation_timeout);
    assert!(matches!(actions.as_slice(), [Action::Close(close)] if *close == Close::AUTH_UNAVAILABLE));
}

#[test]
fn rejected_connection_closes_with_the_given_reason() {
    let mut fixture = Fixture::upgraded();
    fixture.receives(auth("token"));
    fixture.all();
    fixture.session.on_rejected(fixture.now, Close::TOO_MANY_CONNECTIONS);
    fixture.assert_closes(Close::TOO_MANY_CONNECTIONS);
}

/// P-020…P-023, and the request id of protocol §1.7
#[test]
fn every_unreadable_message_has_its_reason() {
    let long_id = "i".repeat(257);
    let rows = [
        (Incoming::Binary(Bytes::new()), Close::EMPTY_FRAME),
        (Incoming::Text, Close::TEXT_FRAME),
        (Incoming::Binary(vec![0xff, 0xff].into()), Close::INVALID_CBOR),
        (Incoming::Binary(vec![0xf6, 0xf6].into()), Close::INVALID_CBOR),
        (Incoming::Binary(request(&long_id, "push")), Close::REQUEST_ID_TOO_LONG),
        (Incoming::TooBig, Close::TOO_BIG),
    ];
    for (incoming, close) in rows {
        let mut fixture = Fixture::active();
        fixture.meets(incoming);
        fixture.assert_closes(close);
    }
}

/// P-024, P-027…P-030
#[test]
fn frames_without_meaning_from_a_client_are_ignored() {
    let mut fixture = Fixture::active();
    fixture.receives(vec![0xf6]);
    fixture.receives(auth("again"));
    fixture.receives(notification("push"));
    fixture.receives(notification("nobody.knows"));
    for kind in [1_u8, 3, 17] {
        // {"type": kind}
        fixture.receives(vec![0xa1, 0x64, b't', b'y', b'p', b'e', kind]);
    }
    assert!(fixture.all().is_empty());
    assert!(fixture.session.can_read());
}

/// P-025; a request that names a notification method is unknown too
#[test]
fn unknown_methods_run_in_the_ordered_lane() {
    for method in ["nobody.knows", "presence.set", "unsubscribe", "auth"] {
        let mut fixture = Fixture::active();
        fixture.receives(request("1", method));
        match fixture.all().as_slice() {
            [Action::Run(call)] => {
                assert_eq!(call.lane(), Lane::Ordered);
                assert!(call.method.is_none());
                assert_eq!(call.id(), "1");
            }
            other => panic!("{method}: {other:?}"),
        }
    }
}

#[test]
fn close_frame_of_the_peer_ends_the_session() {
    let mut fixture = Fixture::active();
    fixture.meets(Incoming::Closed);
    assert!(matches!(fixture.all().as_slice(), [Action::Drop]));
    assert!(fixture.session.deadline().is_none());
}

#[test]
fn closing_session_waits_for_the_echo_until_the_timeout() {
    let mut echoed = Fixture::active();
    echoed.meets(Incoming::Text);
    echoed.all();
    echoed.receives(request("1", "push"));
    assert!(echoed.all().is_empty(), "nothing runs any more");
    echoed.meets(Incoming::Closed);
    assert!(matches!(echoed.all().as_slice(), [Action::Drop]));

    let mut silent = Fixture::active();
    silent.meets(Incoming::Text);
    silent.all();
    assert!(silent.waits(Duration::from_secs(9)).is_empty(), "a suspended client has time to read the close");
    assert!(matches!(silent.waits(Duration::from_secs(1)).as_slice(), [Action::Drop]));
}
