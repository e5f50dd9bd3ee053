//! Runs of the doctor, and their findings.

use std::path::Path;
use std::time::Duration;

use less_sync_test_support::{TestServer, within};
use serde_json::Value;

use crate::program::{lines, output, program, stderr};

/// Findings of one run, and its exit code.
pub(crate) struct Findings {
    findings: Vec<Value>,
    pub(crate) code: i32,
}

impl Findings {
    /// Runs the doctor on `url`.
    pub(crate) async fn of(url: &str, arguments: &[&str]) -> Self {
        Self::trusting(url, arguments, None).await
    }

    /// Runs the doctor on `url`, with the certificate authority in a file.
    pub(crate) async fn trusting(url: &str, arguments: &[&str], authority: Option<&Path>) -> Self {
        let mut command = program(&[&["doctor", "--json", url], arguments].concat());
        if let Some(authority) = authority {
            command.env("SSL_CERT_FILE", authority);
        }
        let output = within("the doctor", output(&mut command)).await;
        let report = lines(&output);
        let [report] = report.as_slice() else { panic!("{report:?}: {}", stderr(&output)) };
        let code = output.status.code().unwrap();
        assert_eq!(report["sound"], code == 0, "{report}");
        Self { findings: report["findings"].as_array().unwrap().clone(), code }
    }

    /// The finding of a check, which must have this verdict and contain these texts.
    pub(crate) fn assert(&self, check: &str, verdict: &str, texts: &[&str]) {
        let found =
            self.findings.iter().find(|finding| finding["check"] == check && finding["verdict"] == verdict);
        let found = found.unwrap_or_else(|| panic!("{check} is not {verdict}: {:#?}", self.findings));
        let text = format!("{} -> {}", found["seen"], found["advice"]);
        for expected in texts {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }

    /// Checks that only these have other verdicts than ok, given as `check verdict`.
    pub(crate) fn assert_only(&self, expected: &[&str]) {
        let others = self.findings.iter().filter(|finding| finding["verdict"] != "ok");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let others: Vec<_> = others
            .map(|finding| format!("{} {}", text(&finding["check"]), text(&finding["verdict"])))
            .collect();
        assert_eq!(others, expected, "{:#?}", self.findings);
    }
}

/// A server with files that sends a keepalive every second.
pub(crate) async fn server() -> TestServer {
    let builder = TestServer::builder().files();
    let server = builder.limits(|limits| limits.keepalive_interval = Duration::from_secs(1)).start().await;
    ready(&server).await;
    server
}

/// Waits until a server that has just started has the keys of its issuer, without which it is not ready.
pub(crate) async fn ready(server: &TestServer) {
    drop(server.raw("alice").await);
}
