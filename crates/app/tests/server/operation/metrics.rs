//! Metrics of a running server (operations §7).

use std::collections::BTreeSet;

use less_sync_test_support::TestServer;

/// The page with the table of metrics.
const SPECIFICATION: &str = include_str!("../../../../../docs/spec/operations.md");

/// Name, kind and labels of the metrics that operations §7.2 lists as counted.
fn specified() -> BTreeSet<[String; 3]> {
    let (_, section) = SPECIFICATION.split_once("\nCounted by this build:\n").unwrap();
    let (table, _) = section.split_once("\nNot counted yet:\n").unwrap();
    let rows = table.lines().map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    let metrics = rows.filter_map(|cells| match cells.as_slice() {
        [_, name, kind, labels, ..] if name.starts_with('`') => Some([*name, *kind, *labels]),
        _ => None,
    });
    metrics.map(|cells| cells.map(|cell| cell.replace('`', ""))).collect()
}

#[tokio::test]
async fn metrics_are_those_of_the_specification() {
    let server = TestServer::builder().files().start().await;
    let definitions = server.metrics().definitions();
    let registered: BTreeSet<_> = definitions
        .iter()
        .map(|metric| [metric.name.to_owned(), metric.kind.as_str().to_owned(), metric.labels.join(", ")])
        .collect();
    assert_eq!(registered.len(), definitions.len(), "each name is registered once");
    assert_eq!(registered, specified());
}
