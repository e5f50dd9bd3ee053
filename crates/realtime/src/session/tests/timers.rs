//! Protocol §1.6, §1.11, §1.12.

use super::*;

///
#[test]
fn keepalive_is_sent_every_thirty_seconds_independently_of_traffic() {
    let mut fixture = Fixture::active();
    for _ in 0..4 {
        assert!(fixture.waits(Duration::from_secs(29)).is_empty());
        fixture.meets(Incoming::Control);
        assert!(matches!(fixture.waits(Duration::from_secs(1)).as_slice(), [Action::Keepalive]));
    }
}

///
#[test]
fn peer_silent_for_75_seconds_is_idle() {
    let mut fixture = Fixture::active();
    let actions = fixture.waits(Duration::from_secs(75));
    assert!(
        matches!(actions.as_slice(), [Action::Keepalive, Action::Keepalive, Action::Close(close)] if *close == Close::IDLE)
    );
}

#[test]
fn idle_timeout_of_zero_is_disabled() {
    let mut fixture = Fixture::active_with(Limits { idle_timeout: Duration::ZERO, ..Limits::default() });
    let actions = fixture.waits(Duration::from_secs(1000));
    assert!(actions.iter().all(|action| matches!(action, Action::Keepalive)));
    assert_eq!(actions.len(), 33);
}

#[test]
fn silence_while_reading_is_paused_is_not_idleness() {
    let mut fixture = Fixture::active_with(Limits { backlog: 1, ..Limits::default() });
    fixture.receives(request("1", "push"));
    fixture.all();
    assert!(!fixture.session.can_read());
    let actions = fixture.waits(Duration::from_secs(200));
    assert!(actions.iter().all(|action| matches!(action, Action::Keepalive)), "{actions:?}");
}

///
#[test]
fn lifetime_ends_with_1001_at_once_without_running_calls() {
    let mut fixture = Fixture::active_with(Limits { idle_timeout: Duration::ZERO, ..Limits::default() });
    let last = fixture.waits(HOUR).pop();
    assert!(matches!(last, Some(Action::Finish(close)) if close == Close::LIFETIME));
}

/// also while a pull is stuck
#[test]
fn lifetime_ends_although_a_request_never_completes() {
    let mut fixture = Fixture::active_with(Limits { idle_timeout: Duration::ZERO, ..Limits::default() });
    fixture.receives(request("1", "pull"));
    let last = fixture.waits(HOUR + Limits::default().lifetime_grace).pop();
    assert!(matches!(last, Some(Action::Close(close)) if close == Close::LIFETIME));
}

/// D-07
#[test]
fn legacy_close_code_of_the_lifetime_is_configurable() {
    let limits = Limits { idle_timeout: Duration::ZERO, legacy_expiry_close: true, ..Limits::default() };
    let last = Fixture::active_with(limits).waits(HOUR).pop();
    assert!(matches!(last, Some(Action::Finish(close)) if close == Close::LEGACY_LIFETIME));
}

///
#[test]
fn expired_token_keeps_the_connection_for_the_leeway_only() {
    let mut fixture = Fixture::active_with(Limits { idle_timeout: Duration::ZERO, ..Limits::default() });
    fixture.session.on_token(fixture.now, Duration::from_secs(100));
    let actions = fixture.waits(Duration::from_secs(159));
    assert!(actions.iter().all(|action| matches!(action, Action::Keepalive)));
    let last = fixture.waits(Duration::from_secs(1)).pop();
    assert!(matches!(last, Some(Action::Finish(close)) if close == Close::TOKEN_EXPIRED));
}

///
#[test]
fn refreshed_token_postpones_the_close() {
    let mut fixture = Fixture::active_with(Limits { idle_timeout: Duration::ZERO, ..Limits::default() });
    fixture.session.on_token(fixture.now, Duration::from_secs(100));
    fixture.waits(Duration::from_secs(150));
    fixture.session.on_token(fixture.now, Duration::from_secs(100));
    let actions = fixture.waits(Duration::from_secs(150));
    assert!(actions.iter().all(|action| matches!(action, Action::Keepalive)));
}

/// a request under way defers the close, for thirty seconds at most
#[test]
fn expired_token_lets_the_running_request_finish() {
    let limits = Limits { idle_timeout: Duration::ZERO, ..Limits::default() };
    let mut fixture = Fixture::active_with(limits);
    fixture.session.on_token(fixture.now, Duration::from_secs(100));
    fixture.receives(request("1", "pull"));
    fixture.all();
    let actions = fixture.waits(Duration::from_secs(170));
    assert!(actions.iter().all(|action| matches!(action, Action::Keepalive)));
    fixture.receives(request("2", "push"));
    fixture.finishes(Lane::Stream);
    assert!(matches!(fixture.all().as_slice(), [Action::Finish(close)] if *close == Close::TOKEN_EXPIRED));
}

///
#[test]
fn shutdown_starts_no_call_and_waits_for_the_requested_close() {
    let mut fixture = Fixture::active();
    fixture.receives(request("1", "push"));
    fixture.receives(request("2", "subscribe"));
    assert_eq!(fixture.started(), ["push"]);
    fixture.session.on_shutdown(fixture.now);
    assert!(!fixture.session.can_read());
    fixture.finishes(Lane::Ordered);
    assert!(
        fixture.all().is_empty(),
        "the subscription is not started, and the close is requested from outside"
    );
    fixture.session.close(fixture.now, Close::SHUTDOWN);
    fixture.assert_closes(Close::SHUTDOWN);
}

#[test]
fn shutdown_before_auth_closes_at_once() {
    let mut fixture = Fixture::upgraded();
    fixture.session.on_shutdown(fixture.now);
    fixture.assert_closes(Close::SHUTDOWN);
}
