//! Export of traces and metrics to a collector (operations §7.3).

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use less_sync_test_support::{EmptyEnvironment as _, OtlpCollector, RawClient, within};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Development server that exports to a collector.
struct ExportingServer {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl ExportingServer {
    async fn start(endpoint: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_less-sync-server"));
        command.args(["--dev", "--listen", "127.0.0.1:0"]).empty_environment().current_dir(folder.path());
        command.envs([
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=a-tenant"),
            ("OTEL_SERVICE_NAME", "a-service"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
            ("OTEL_BSP_SCHEDULE_DELAY", "200"),
        ]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        // The collector runs on this runtime.
        let address = tokio::task::spawn_blocking(move || {
            let mut lines = BufReader::new(stdout).lines();
            let address =
                lines.find_map(|line| Some(line.unwrap().trim().strip_prefix("address")?.trim().to_owned()));
            address.unwrap().strip_prefix("http://").unwrap().parse().unwrap()
        });
        let address = within("the address of the server", address).await.unwrap();
        Self { child, address, _folder: folder }
    }

    /// A connection that the server closes, with one message in each direction.
    async fn visit(&self) {
        let mut client = RawClient::connect(self.address).await;
        client.send_text("not a frame").await;
        client.receive_close().await;
    }

    async fn exit_code(mut self) -> Option<i32> {
        let process = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(process, Signal::TERM).unwrap();
        // The collector runs on this runtime.
        let ended = tokio::task::spawn_blocking(move || self.child.wait().unwrap().code());
        within("the end of the server", ended).await.unwrap()
    }
}

impl Drop for ExportingServer {
    fn drop(&mut self) {
        // Ended already, unless the test has failed.
        let _ended = self.child.kill();
    }
}

#[tokio::test]
async fn spans_and_metrics_reach_the_collector() {
    let collector = OtlpCollector::start().await;
    let server = ExportingServer::start(&collector.endpoint()).await;
    server.visit().await;
    let span = collector.span("connection").await;
    let has = |name: &str, value: &str| span.contains(&(name.to_owned(), value.to_owned()));
    assert!(has("service.name", "a-service") && has("protocol", "less-rpc-v1"), "{span:?}");
    assert!(has("frames_out", "0"), "{span:?}");
    let requests = collector.metric("http_requests_total").await;
    assert!(requests.contains("/api/v1/ws"), "{requests}");
    let durations = collector.metric("http_request_duration_seconds").await;
    assert!(durations.contains("explicit_bounds: [0.001, 0.0025"), "{durations}");
    assert_eq!(collector.headers()["x-tenant"], "a-tenant");
    assert_eq!(collector.headers()["content-type"], "application/x-protobuf");
    assert_eq!(server.exit_code().await, Some(0));
}

#[tokio::test]
async fn collector_that_is_down_or_hangs_delays_nothing() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let down = closed.local_addr().unwrap();
    drop(closed);
    for collector in [hanging.local_addr().unwrap(), down] {
        let server = ExportingServer::start(&format!("http://{collector}")).await;
        for _ in 0..50 {
            server.visit().await;
        }
        assert_eq!(server.exit_code().await, Some(0), "{collector}");
    }
}
