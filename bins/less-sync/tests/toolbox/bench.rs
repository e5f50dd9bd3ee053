//! Smoke tests of `less-sync bench`: every scenario completes, and a figure is above zero.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::development_server;

/// Runs a scenario under a small load; `figure` must be above zero.
fn measures(figure: &str, scenario: &[&str]) {
    measures_all(&[figure], scenario);
}

/// Runs an attack on a small scale, beside two bystanders; the work of the attacker must be above zero.
fn attacks(work: &str, attack: &[&str]) {
    let scenario = [&["hostile", "--bystanders", "2"], attack].concat();
    let pushes = ["undisturbed_pushes", "attacked_pushes", "attacked_p50_ratio", "attacked_p99_ratio"];
    measures_all(&[&pushes[..], &["resident_peak_mib", work]].concat(), &scenario);
}

/// Runs a scenario under a small load; all `expected` figures must be above zero.
fn measures_all(expected: &[&str], scenario: &[&str]) {
    let server = development_server::program();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_less-sync"));
    bench.arg("bench").args(scenario).args(["--json", "--time", "1", "--server"]).arg(&server);
    let output = bench.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    for figure in expected {
        let counted = figures.get(figure).and_then(Value::as_f64);
        assert!(counted.is_some_and(|counted| counted > 0.0), "no {figure}: {figures}");
    }
}

#[test]
fn startup() {
    measures("healthy_p50_ms", &["startup", "--launches", "1"]);
}

#[test]
fn idle() {
    measures("connections", &["idle", "--connections", "3"]);
}

#[test]
fn push() {
    measures("pushes_per_s", &["push", "--connections", "2", "--window", "3"]);
}

#[test]
fn push_at_a_rate() {
    measures("pushes_per_s", &["push", "--connections", "2", "--rate", "50"]);
}

#[test]
fn push_to_shared_spaces() {
    measures("pushes_per_s", &["push", "--connections", "2", "--shared"]);
}

#[test]
fn federation() {
    let figures = [
        "push_home_p50_ms",
        "push_federated_p50_ms",
        "live_home_events",
        "live_federated_events",
        "fan_out_federated_last_p99_ms",
    ];
    measures_all(&figures, &["federation", "--rate", "50", "--watchers", "3"]);
}

#[test]
fn presence() {
    measures("deliveries_per_s", &["presence", "--peers", "5", "--window", "4"]);
}

#[test]
fn revoke() {
    measures("last_notice_p50_ms", &["revoke", "--watchers", "5"]);
}

#[test]
fn rewrap() {
    measures("deks_per_s", &["rewrap", "--deks", "200"]);
}

#[test]
fn files() {
    measures("put_mb_per_s", &["files", "--size", "1000000", "--connections", "2"]);
}

#[test]
fn small_files() {
    measures("gets_per_s", &["files", "--small"]);
}

#[test]
fn fan_out() {
    measures("deliveries_per_s", &["fan-out", "--watchers", "3", "--writers", "2", "--window", "8"]);
}

#[test]
fn events() {
    measures("deliveries_per_s", &["events", "--watchers", "3", "--window", "4"]);
}

#[test]
fn events_under_shipped_limits_keep_to_the_rate_that_they_admit() {
    measures("max_events_per_s", &["events", "--watchers", "3", "--window", "4", "--shipped-limits"]);
}

#[test]
fn pull() {
    measures("mb_per_s", &["pull", "--records", "2000", "--slowly"]);
}

#[test]
fn connect() {
    measures("connects_per_s", &["connect", "--users", "2"]);
}

#[test]
fn churn() {
    measures("resident_after_mib", &["churn", "--connections", "20", "--at-once", "4"]);
}

#[test]
fn stalled() {
    measures(
        "alone_deliveries_per_s",
        &["stalled", "--watchers", "2", "--stalled", "1", "--stalled-pulls", "1"],
    );
}

#[test]
fn attack_by_bad_chains() {
    attacks(
        "attack_subscriptions_rejected",
        &["bad-chains", "--attackers", "2", "--requests", "2", "--chains", "20"],
    );
}

#[test]
fn attack_by_heavy_pushes() {
    attacks("attack_pushes_succeeded", &["heavy-pushes", "--pushes", "2", "--changes", "100"]);
}

#[test]
fn attack_by_key_listings() {
    attacks(
        "attack_listings_succeeded",
        &["key-listings", "--attackers", "2", "--records", "1500", "--listings", "5"],
    );
}

#[test]
fn attack_by_large_frames() {
    attacks(
        "attack_pushes_succeeded",
        &["large-frames", "--attackers", "2", "--pushes", "2", "--records", "4"],
    );
}

#[test]
fn attack_by_request_flood() {
    attacks("attack_requests_succeeded", &["request-flood", "--attackers", "2", "--requests", "100"]);
}

#[test]
fn attack_by_silent_sockets() {
    attacks("attack_sockets_opened", &["silent-sockets", "--sockets", "50"]);
}

#[test]
fn attack_by_slow_subscribers() {
    attacks("attack_pushes_succeeded", &["slow-subscribers", "--watchers", "2", "--pushes", "50"]);
}

#[test]
fn attack_by_slow_transfers() {
    attacks("attack_uploads_sent", &["slow-transfers", "--uploads", "4"]);
}

#[test]
fn attack_by_unknown_keys() {
    attacks("attack_connections_closed", &["unknown-keys", "--attackers", "2", "--connections", "3"]);
}

#[test]
fn attack_by_unread_pulls() {
    attacks(
        "attack_messages_sent",
        &[
            "unread-pulls",
            "--attackers",
            "2",
            "--records",
            "600",
            "--messages",
            "2",
            "--message-size",
            "200000",
        ],
    );
}
