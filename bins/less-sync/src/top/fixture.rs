//! A dashboard in a fixed state, for the tests and the picture of the documentation.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::dashboard::Dashboard;
use super::poll::Poll;
use crate::admin::Samples;

/// Polls of the state, two seconds apart.
const POLLS: u32 = 40;

/// Requests of each interval, in hundreds: a quiet time, a wave and a burst.
const WAVE: [u32; 10] = [2, 3, 5, 8, 12, 14, 11, 7, 4, 3];

/// Dashboard after some polls of a busy server.
pub(super) fn dashboard() -> Dashboard {
    let mut dashboard = Dashboard::new("http://127.0.0.1:9090".to_owned());
    let begun = Instant::now();
    for number in 0..POLLS {
        dashboard.update(poll(begun, number));
    }
    dashboard
}

pub(super) fn poll(begun: Instant, number: u32) -> Poll {
    Poll {
        at: begun + Duration::from_secs(2) * number,
        unix_seconds: 1_700_000_000.0,
        samples: Samples::parse(&metrics(number)),
        connections: (0..12_u64).map(connection).collect(),
        spaces: vec![space(1, 3_400_000_000), space(2, 18_000_000), space(3, 9_000)],
        slow_consumers: vec![json!({
            "id": id(7), "actor": "00c0ffee00c0ffee", "at_ms": 1_699_999_000_000_i64, "bytes_out": 5_000_000,
        })],
        denials: vec![
            denial(2, "push", "epoch_stale", "key_generation"),
            denial(1, "subscribe", "forbidden", "chain.ucan_expired"),
        ],
    }
}

fn id(number: u64) -> String {
    format!("{number:08x}-9a55-4a4b-8d5a-0123456789ab")
}

fn connection(number: u64) -> serde_json::Value {
    json!({
        "id": id(number * 7919 + 4096),
        "actor": format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        "stage": "active",
        "age_seconds": number * 347 + 12,
        "subscriptions": number % 5 + 1,
        "queued_bytes": { "reply": 0, "event": number * number * 2048, "ephemeral": 0 },
        "bytes_in": number * 40_000,
        "bytes_out": number * 900_000,
    })
}

fn space(number: u64, bytes: u64) -> serde_json::Value {
    json!({
        "id": id(number), "kind": if number == 2 { "personal" } else { "shared" }, "stored_bytes": bytes,
        "rows": { "records": 1000 / number, "files": 12 / number, "members": 4 }, "watchers": 9 - number,
        "rewrap_epoch": (number == 3).then_some(4),
    })
}

fn denial(number: u64, operation: &str, code: &str, rule: &str) -> serde_json::Value {
    json!({
        "number": number, "at_ms": 1_699_999_000_000 + number * 1000, "edge": "rpc", "operation": operation,
        "code": code, "rule": rule, "explanation": "for the details",
    })
}

/// Metrics at one poll: counters that grow by [`WAVE`].
fn metrics(number: u32) -> String {
    let waves = WAVE.iter().cycle().take(usize::try_from(number).unwrap_or(0) + 1);
    let requests: u32 = waves.map(|hundreds| hundreds * 100).sum();
    let mut text = String::new();
    for (method, percent) in [("push", 60), ("pull", 25), ("subscribe", 15)] {
        let total = requests * percent / 100;
        let errors = total / 50;
        let labels = format!("method=\"{method}\",outcome=\"ok\"");
        let _infallible = writeln!(text, "rpc_requests_total{{{labels}}} {}", total - errors);
        let _infallible =
            writeln!(text, "rpc_requests_total{{method=\"{method}\",outcome=\"error\"}} {errors}");
        for (bound, share) in [("0.001", 40), ("0.0025", 80), ("0.005", 95), ("0.01", 99), ("+Inf", 100)] {
            let count = total * share / 100;
            let _infallible =
                writeln!(text, "rpc_duration_seconds_bucket{{{labels},le=\"{bound}\"}} {count}");
        }
    }
    for (name, value) in [
        ("ws_connections", 128),
        ("broker_subscriptions", 412),
        ("broker_spaces_watched", 96),
        ("broker_durable_delivered_total", requests * 3),
        ("ws_bytes_total{direction=\"in\"}", requests * 900),
        ("ws_bytes_total{direction=\"out\"}", requests * 2500),
        ("db_pool_connections{state=\"used\"}", 3),
        ("db_pool_connections{state=\"waiting\"}", 0),
        ("ws_slow_consumer_total", 1),
        ("http_requests_total", number * 8),
        ("process_resident_memory_bytes", 48 << 20),
        ("process_start_time_seconds", 1_699_800_000),
        ("build_info{version=\"0.1.0\",revision=\"x\"}", 1),
    ] {
        let _infallible = writeln!(text, "{name} {value}");
    }
    let _infallible = writeln!(text, "process_cpu_seconds_total {}", f64::from(number) * 0.74);
    text
}
