//! Metrics of a running server (operations §7).

use std::collections::BTreeSet;

use http::Method;
use less_sync_test_support::{TestServer, TestServerBuilder, create, update};

use crate::files::fixture::{Fixture, content, send};
use crate::operation::scrape::Scrape;

/// The page with the table of metrics.
const SPECIFICATION: &str = include_str!("../../../../../docs/spec/operations.md");

/// Name, kind and labels of the metrics that operations §7.2 lists as counted.
fn specified() -> BTreeSet<[String; 3]> {
    let (_, section) = SPECIFICATION.split_once("\nCounted by this build:\n").unwrap();
    let (table, _) = section.split_once(" Not counted yet:\n").unwrap();
    let rows = table.lines().map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    let metrics = rows.filter_map(|cells| match cells.as_slice() {
        [_, name, kind, labels, ..] if name.starts_with('`') => Some([*name, *kind, *labels]),
        _ => None,
    });
    metrics.map(|cells| cells.map(|cell| cell.replace('`', ""))).collect()
}

#[tokio::test]
async fn metrics_are_those_of_the_specification_on_both_stores() {
    for store in [TestServerBuilder::embedded, TestServerBuilder::postgres] {
        assert_specified(&store(TestServer::builder().files()).start().await);
    }
}

fn assert_specified(server: &TestServer) {
    let definitions = server.metrics().definitions();
    let registered: BTreeSet<_> = definitions
        .iter()
        .map(|metric| [metric.name.to_owned(), metric.kind.as_str().to_owned(), metric.labels.join(", ")])
        .collect();
    assert_eq!(registered.len(), definitions.len(), "each name is registered once");
    assert_eq!(registered, specified());
}

#[tokio::test]
async fn work_of_clients_is_counted_exactly_on_both_stores() {
    for store in [TestServerBuilder::embedded, TestServerBuilder::postgres] {
        let fixture = Fixture::with(|server| store(server).setting("ADMIN_ADDR", "127.0.0.1:0")).await;
        Box::pin(assert_counted(fixture)).await;
    }
}

async fn assert_counted(mut fixture: Fixture) {
    // The fixture has pushed one record.
    let mut other = fixture.server.raw("alice").await;
    other.subscribe(&fixture.space).await;
    fixture.alice.push_ok(&fixture.space, &[create(2, "two"), create(3, "three")]).await;
    other.receive_notification("sync").await;
    let conflict = fixture.alice.push(&fixture.space, &[update(2, "two again", 99)]).await;
    assert_eq!(conflict["ok"], false, "{conflict}");
    other.pull(&fixture.space, 0).await;
    let bytes = content(1000, 1);
    let id = fixture.stored(&bytes).await;
    other.receive_notification("file").await;
    assert_eq!(send(fixture.ask(Method::GET, &id)).await.bytes().await.unwrap().len(), 1000);

    let scrape = Scrape::of(&fixture.server).await;
    let expected = [
        ("ws_connections", 2.0),
        ("rpc_requests_total{method=\"push\",outcome=\"ok\"}", 3.0),
        ("rpc_requests_total{method=\"push\",outcome=\"error\"}", 0.0),
        ("rpc_requests_total{method=\"pull\",outcome=\"ok\"}", 1.0),
        ("rpc_requests_total{method=\"subscribe\",outcome=\"ok\"}", 1.0),
        ("broker_subscriptions", 1.0),
        ("broker_spaces_watched", 1.0),
        ("broker_durable_delivered_total", 2.0),
        ("ws_slow_consumer_total", 0.0),
        ("file_uploads_total{outcome=\"created\"}", 1.0),
        ("file_downloads_total{outcome=\"begun\"}", 1.0),
        ("file_bytes_total{direction=\"in\"}", 1000.0),
        ("file_bytes_total{direction=\"out\"}", 1000.0),
        ("file_transfers_in_flight", 0.0),
        ("storage_op_total{op=\"push\",outcome=\"ok\"}", 3.0),
        ("storage_op_total{op=\"begin_pull\",outcome=\"ok\"}", 1.0),
        ("storage_op_total{op=\"commit_file\",outcome=\"ok\"}", 1.0),
        ("storage_op_total{outcome=\"failed\"}", 0.0),
        ("storage_push_records_total", 3.0),
        ("storage_push_bytes_total", 13.0),
        ("storage_push_conflicts_total", 1.0),
        ("storage_tx_retries_total", 0.0),
        ("storage_pull_rows_total{kind=\"record\"}", 3.0),
        ("storage_pull_bytes_total{kind=\"record\"}", 13.0),
        ("http_requests_total{method=\"PUT\",status=\"201\"}", 1.0),
        ("http_requests_total{method=\"GET\",route=\"/api/v1/ws\",status=\"101\"}", 2.0),
        ("http_in_flight", 0.0),
        ("auth_validations_total{outcome=\"ok\"}", 4.0),
        ("auth_validations_total{outcome=\"invalid_token\"}", 0.0),
        ("jwks_refresh_total{issuer=\"0\",outcome=\"ok\"}", 1.0),
        ("db_pool_connections{state=\"waiting\"}", 0.0),
        ("rate_limited_total", 0.0),
        ("job_runs_total{outcome=\"ended\"}", 0.0),
        ("security_alerts_total", 0.0),
        ("build_info", 1.0),
    ];
    for (selector, value) in expected {
        assert_eq!(scrape.value(selector), Some(value), "{selector}");
    }
}
