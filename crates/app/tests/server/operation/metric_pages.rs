//! Pages and dashboards about metrics agree with the registry.

use std::collections::BTreeSet;
use std::path::PathBuf;

use less_sync_metrics::{Definition, Kind, Registry};
use less_sync_test_support::TestServer;

/// Variable that makes the test of the page write it.
#[cfg(feature = "federation")]
const WRITE: &str = "LESS_WRITE_DOCS";

/// Words of the query language and of Grafana, which are not names of metrics.
const NOT_METRICS: [&str; 3] = ["up", "__rate_interval", "label_values"];

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The page with all metrics of `registry`.
#[cfg(feature = "federation")]
fn page(registry: &Registry) -> String {
    use std::fmt::Write as _;

    let mut page = "# Metrics\n\n\
        Generated from the registry by `just metrics-page`; a test compares. `ADMIN_ADDR/metrics` serves these metrics as OpenMetrics\n\
        text, see [operations](operations.md#metrics). Values of labels: [operations](spec/operations.md#72-service) of the specification.\n\n\
        Histograms have the suffixes `_bucket`, `_sum` and `_count`. Series without an observation are left out of histograms, and of\n\
        `http_requests_total`; all others start at 0. No label carries a user, space, record or file.\n\n\
        | name | type | unit | labels | meaning |\n|---|---|---|---|---|\n"
        .to_owned();
    let mut definitions: Vec<&Definition> = registry.definitions().iter().collect();
    definitions.sort_by_key(|metric| metric.name);
    for Definition { name, kind, unit, labels, help } in definitions {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let (kind, unit, labels) = (kind.as_str(), unit.unwrap_or_default(), labels.join(", "));
        writeln!(page, "| `{name}` | {kind} | {unit} | {labels} | {help} |").unwrap();
    }
    page
}

/// The page includes the metrics of federation, which exist once another server is trusted (federation BO-8).
#[cfg(feature = "federation")]
#[tokio::test]
async fn page_lists_all_metrics_of_a_server() {
    const PEER: &str =
        "https://b.example/.well-known/jwks.json#k=6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw";
    let server = TestServer::builder().files().setting("FEDERATION_TRUSTED_KEYS", PEER).start().await;
    let page = page(server.metrics());
    let path = repository().join("docs/metrics.md");
    #[expect(clippy::disallowed_methods, reason = "test configuration from the environment")]
    if std::env::var(WRITE).is_ok() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/metrics.md is outdated: run `just metrics-page`");
}

/// Names in `query` that stand where a metric may stand: not functions, labels, or texts.
fn names(query: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    // Outside of braces are selectors, whose labels are inside; texts occur inside only.
    for part in query.split('{').map(|part| part.rsplit_once('}').map_or(part, |(_, rest)| rest)) {
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let mut rest = part;
        while let Some(start) =
            rest.find(|character: char| character.is_ascii_alphabetic() || character == '_')
        {
            let word = rest.get(start..).unwrap_or_default();
            let end = word.find(|character: char| !is_name(character)).unwrap_or(word.len());
            let (name, after) = word.split_at(end);
            if name.contains('_') {
                names.insert(name.to_owned());
            }
            rest = after;
        }
    }
    names
}

/// Names of all samples of `registry`.
fn samples(registry: &Registry) -> BTreeSet<String> {
    let suffixes = |metric: &Definition| match metric.kind {
        Kind::Histogram => vec!["_bucket", "_sum", "_count"],
        Kind::Counter | Kind::Gauge => vec![""],
    };
    let definitions = registry.definitions().iter();
    definitions
        .flat_map(|metric| suffixes(metric).into_iter().map(|suffix| format!("{}{suffix}", metric.name)))
        .collect()
}

#[tokio::test]
async fn alerts_and_dashboard_name_metrics_of_the_server() {
    let server = TestServer::builder().files().start().await;
    let known = samples(server.metrics());
    let alerts = std::fs::read_to_string(repository().join("deploy/prometheus/alerts.yml")).unwrap();
    let mut queries: Vec<String> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).map(str::to_owned).collect();
    assert!(queries.len() >= 10);
    let dashboard = std::fs::read_to_string(repository().join("deploy/grafana/less-sync.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    queries.extend(targets.map(|target| target["expr"].as_str().unwrap().to_owned()));
    assert!(queries.len() >= 30);
    for query in queries {
        let named = names(&query);
        let unknown: Vec<_> = named
            .iter()
            .filter(|name| !known.contains(*name) && !NOT_METRICS.contains(&name.as_str()))
            .filter(|name| name.as_str() != "histogram_quantile")
            .collect();
        assert!(unknown.is_empty(), "{unknown:?} in {query}");
        assert!(query.starts_with("up") || named.iter().any(|name| known.contains(name)), "{query}");
    }
}

#[test]
fn names_of_a_query_are_found() {
    let query = "sum by (le) (rate(rpc_duration_seconds_bucket{method=\"push_x\"}[5m])) / no_metric > 0";
    assert_eq!(names(query), BTreeSet::from(["rpc_duration_seconds_bucket", "no_metric"].map(str::to_owned)));
}
