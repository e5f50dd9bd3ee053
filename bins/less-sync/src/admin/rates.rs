//! `less-sync admin rates`: requests per second and latencies between two scrapes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::AdminClient;
use super::format;
use super::samples::{Interval, Samples};
use super::table::{self, Column, Form};
use crate::output::write_bare;

const METHODS: [Column; 6] = [
    ("METHOD", "/method", Form::Plain),
    ("PER SECOND", "/per_second_text", Form::Count),
    ("ERRORS", "/errors", Form::Count),
    ("P50", "/p50_text", Form::Count),
    ("P99", "/p99_text", Form::Count),
    ("COUNT", "/count", Form::Count),
];

/// Scrapes twice and prints the methods that were called in between, the most frequent first. As JSON, one object.
pub(super) async fn run(client: &AdminClient, interval: Duration, json: bool) -> anyhow::Result<()> {
    let before = Samples::parse(&client.metrics().await?);
    let started = Instant::now();
    tokio::time::sleep(interval).await;
    let after = Samples::parse(&client.metrics().await?);
    let interval = Interval { before, after, seconds: started.elapsed().as_secs_f64() };
    let mut methods = methods(&interval);
    if json {
        for method in &mut methods {
            for text in ["per_second_text", "p50_text", "p99_text"] {
                method.as_object_mut().map(|method| method.remove(text));
            }
        }
        return table::print(&[json!({ "totals": totals(&interval), "methods": methods })], &[], json);
    }
    let totals = totals(&interval);
    let number = |name: &str| totals.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    write_bare(&format!(
        "connections {}, messages in {}/s, out {}/s, bytes in {}/s, out {}/s, events {}/s",
        format::count(number("connections")),
        format::count(number("messages_in_per_second")),
        format::count(number("messages_out_per_second")),
        format::bytes(number("bytes_in_per_second")),
        format::bytes(number("bytes_out_per_second")),
        format::count(number("events_per_second")),
    ))?;
    table::print(&methods, &METHODS, json)
}

fn totals(interval: &Interval) -> Value {
    let direction = |name: &str, direction: &str| interval.rate(name, &[("direction", direction)]);
    json!({
        "seconds": interval.seconds,
        "connections": interval.after.sum("ws_connections", &[]),
        "messages_in_per_second": direction("ws_frames_total", "in"),
        "messages_out_per_second": direction("ws_frames_total", "out"),
        "bytes_in_per_second": direction("ws_bytes_total", "in"),
        "bytes_out_per_second": direction("ws_bytes_total", "out"),
        "events_per_second": interval.rate("broker_durable_delivered_total", &[]),
        "http_per_second": interval.rate("http_requests_total", &[]),
        "slow_consumers": interval.increase("ws_slow_consumer_total", &[]),
    })
}

fn methods(interval: &Interval) -> Vec<Value> {
    let called = interval.after.by("rpc_requests_total", &[], "method");
    let mut methods: Vec<(f64, Value)> = Vec::new();
    for method in called.keys() {
        let labels = [("method", method.as_str())];
        let count = interval.increase("rpc_requests_total", &labels);
        if count <= 0.0 {
            continue;
        }
        let of_errors = [("method", method.as_str()), ("outcome", "error")];
        let quantile = |quantile: f64| interval.quantile("rpc_duration_seconds", &labels, quantile);
        let rate = interval.rate("rpc_requests_total", &labels);
        let text = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), format::duration);
        let (p50, p99) = (quantile(0.5), quantile(0.99));
        methods.push((
            count,
            json!({
                "method": method,
                "count": count,
                "errors": interval.increase("rpc_requests_total", &of_errors),
                "per_second": rate,
                "per_second_text": format::count(rate),
                "p50_seconds": p50,
                "p50_text": text(p50),
                "p99_seconds": p99,
                "p99_text": text(p99),
            }),
        ));
    }
    methods.sort_by(|one, other| other.0.total_cmp(&one.0));
    methods.into_iter().map(|(_, method)| method).collect()
}
