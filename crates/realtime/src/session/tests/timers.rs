//! Protocol §1.6, §1.11, §1.12.

use super::*;

///
#[test]
fn keepalive_comes_every_thirty_seconds_whatever_else_happens() {
    let mut table = Table::active();
    for _ in 0..4 {
        assert!(table.waits(Duration::from_secs(29)).is_empty());
        table.meets(Incoming::Control);
        assert!(matches!(table.waits(Duration::from_secs(1)).as_slice(), [Action::Keepalive]));
    }
}

///
#[test]
fn a_peer_that_says_nothing_for_75_seconds_is_idle() {
    let mut table = Table::active();
    let actions = table.waits(Duration::from_secs(75));
    assert!(
        matches!(actions.as_slice(), [Action::Keepalive, Action::Keepalive, Action::Close(close)] if *close == Close::IDLE)
    );
}

#[test]
fn an_idle_timeout_of_zero_turns_the_rule_off() {
    let mut table = Table::active_with(Limits { idle_timeout: Duration::ZERO, ..Limits::default() });
    let actions = table.waits(Duration::from_secs(1000));
    assert!(actions.iter().all(|action| matches!(action, Action::Keepalive)));
    assert_eq!(actions.len(), 33);
}

#[test]
fn silence_that_the_server_caused_is_not_idleness() {
    let mut table = Table::active_with(Limits { backlog: 1, ..Limits::default() });
    table.receives(request("1", "push"));
    table.all();
    assert!(!table.session.can_read());
    let actions = table.waits(Duration::from_secs(200));
    assert!(actions.iter().all(|action| matches!(action, Action::Keepalive)), "{actions:?}");
}

///
#[test]
fn the_lifetime_ends_with_1001_at_once_when_nothing_runs() {
    let mut table = Table::active_with(Limits { idle_timeout: Duration::ZERO, ..Limits::default() });
    let last = table.waits(HOUR).pop();
    assert!(matches!(last, Some(Action::Finish(close)) if close == Close::LIFETIME));
}

/// also while a pull is stuck
#[test]
fn the_lifetime_ends_even_when_a_request_never_does() {
    let mut table = Table::active_with(Limits { idle_timeout: Duration::ZERO, ..Limits::default() });
    table.receives(request("1", "pull"));
    let last = table.waits(HOUR + Limits::default().lifetime_grace).pop();
    assert!(matches!(last, Some(Action::Close(close)) if close == Close::LIFETIME));
}

/// D-07
#[test]
fn the_legacy_code_for_the_lifetime_is_a_knob() {
    let limits = Limits { idle_timeout: Duration::ZERO, legacy_expiry_close: true, ..Limits::default() };
    let last = Table::active_with(limits).waits(HOUR).pop();
    assert!(matches!(last, Some(Action::Finish(close)) if close == Close::LEGACY_LIFETIME));
}

///
#[test]
fn a_token_that_ran_out_carries_the_connection_for_the_leeway_only() {
    let mut table = Table::active_with(Limits { idle_timeout: Duration::ZERO, ..Limits::default() });
    table.session.on_token(table.now, Duration::from_secs(100));
    let actions = table.waits(Duration::from_secs(159));
    assert!(actions.iter().all(|action| matches!(action, Action::Keepalive)));
    let last = table.waits(Duration::from_secs(1)).pop();
    assert!(matches!(last, Some(Action::Finish(close)) if close == Close::TOKEN_EXPIRED));
}

///
#[test]
fn a_refreshed_token_postpones_the_end() {
    let mut table = Table::active_with(Limits { idle_timeout: Duration::ZERO, ..Limits::default() });
    table.session.on_token(table.now, Duration::from_secs(100));
    table.waits(Duration::from_secs(150));
    table.session.on_token(table.now, Duration::from_secs(100));
    let actions = table.waits(Duration::from_secs(150));
    assert!(actions.iter().all(|action| matches!(action, Action::Keepalive)));
}

/// a request under way defers the close, for thirty seconds at most
#[test]
fn an_expired_token_lets_the_running_request_finish() {
    let limits = Limits { idle_timeout: Duration::ZERO, ..Limits::default() };
    let mut table = Table::active_with(limits);
    table.session.on_token(table.now, Duration::from_secs(100));
    table.receives(request("1", "pull"));
    table.all();
    let actions = table.waits(Duration::from_secs(170));
    assert!(actions.iter().all(|action| matches!(action, Action::Keepalive)));
    table.receives(request("2", "push"));
    table.finishes(Lane::Stream);
    assert!(matches!(table.all().as_slice(), [Action::Finish(close)] if *close == Close::TOKEN_EXPIRED));
}

///
#[test]
fn shutdown_starts_nothing_new_and_waits_for_its_turn() {
    let mut table = Table::active();
    table.receives(request("1", "push"));
    table.receives(request("2", "subscribe"));
    assert_eq!(table.started(), ["push"]);
    table.session.on_shutdown(table.now);
    assert!(!table.session.can_read());
    table.finishes(Lane::Ordered);
    assert!(
        table.all().is_empty(),
        "the subscription is not started, and the close is somebody else's decision"
    );
    table.session.close(table.now, Close::SHUTDOWN);
    table.assert_closes(Close::SHUTDOWN);
}

#[test]
fn shutdown_before_auth_closes_at_once() {
    let mut table = Table::upgraded();
    table.session.on_shutdown(table.now);
    table.assert_closes(Close::SHUTDOWN);
}
