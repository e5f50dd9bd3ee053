//! Checks of the readiness route: the server behind the proxy, its issuers, its clock, compression of text.

use anyhow::Context as _;
use http::header::ACCEPT_ENCODING;
use http::{HeaderValue, Method};
use less_sync_doctor::Finding;
use serde::Deserialize;
use time::format_description::well_known::Rfc2822;
use time::{Duration, OffsetDateTime};
use tokio::time::Instant;

use super::site::{Answer, Site};
use crate::clock;

/// Content codings that browsers accept.
pub(super) const CODINGS: &str = "gzip, deflate, br, zstd";

/// Difference of the clocks above which tokens are rejected: half of the default leeway (`JWT_LEEWAY_SECONDS`).
const CLOCK_FAILURE: Duration = Duration::seconds(30);

/// Difference above which a clock is not synchronized.
const CLOCK_WARNING: Duration = Duration::seconds(3);

/// Time in which a server that has just started becomes ready: it fetches the key sets of its issuers first.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// Pause before an unready server is asked again.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Readiness {
    checks: serde_json::Map<String, serde_json::Value>,
}

/// Requests `/readyz`.
pub(super) async fn examine(site: &Site) -> Vec<Finding> {
    let patience = Instant::now() + PATIENCE;
    let (answer, before, after) = loop {
        let before = clock::now();
        let answer = ask(site).await;
        let after = clock::now();
        if !answer.as_ref().is_ok_and(is_unready) || Instant::now() >= patience {
            break (answer, before, after);
        }
        tokio::time::sleep(PAUSE).await;
    };
    match answer {
        Err(error) => {
            let advice = "look at the log of the proxy and of the server";
            vec![Finding::fail("health", format!("{error:#}"), advice)]
        }
        Ok(answer) => {
            let mut findings = vec![health(&answer)];
            findings.extend(issuers(&answer));
            findings.push(time(&answer, before, after));
            findings.push(compression(&answer));
            findings
        }
    }
}

async fn ask(site: &Site) -> anyhow::Result<Answer> {
    let mut request = site.request(Method::GET, "/readyz");
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(CODINGS));
    site.send(request).await.context("no response to GET /readyz")
}

fn is_unready(answer: &Answer) -> bool {
    answer.is_of_server() && answer.status == 503
}

fn readiness(answer: &Answer) -> Readiness {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

fn health(answer: &Answer) -> Finding {
    const CHECK: &str = "health";
    match (answer.is_of_server(), answer.status) {
        (true, 200) => Finding::ok(CHECK, "the server is ready"),
        (true, 503) => {
            let checks = readiness(answer).checks;
            let failed: Vec<&str> = checks.keys().map(String::as_str).collect();
            let seen = format!("the server is not ready: {}", failed.join(", "));
            Finding::fail(CHECK, seen, "run `less-sync-server doctor` beside the server")
        }
        (true, _) => Finding::fail(CHECK, answer.summary(), "update the server"),
        (false, 301 | 302 | 307 | 308) => Finding::fail(
            CHECK,
            format!("redirected to {}", answer.header("location")),
            "give the URL that the proxy redirects to: clients do not follow redirects",
        ),
        (false, 502..=504) => Finding::fail(
            CHECK,
            format!("{}: the proxy does not reach the server", answer.summary()),
            "start the server, and compare the address in the proxy with LISTEN_ADDR",
        ),
        (false, _) => Finding::fail(
            CHECK,
            format!("{}, not from a less-sync server", answer.summary()),
            "pass all paths of the host to the server",
        ),
    }
}

/// Issuers without a usable key set, as far as the server lists them.
fn issuers(answer: &Answer) -> Option<Finding> {
    const CHECK: &str = "issuer-keys";
    let checks = readiness(answer).checks;
    let keys = checks.get("keys")?;
    let unusable: Vec<&str> =
        keys["without_keys"].as_array().into_iter().flatten().filter_map(|issuer| issuer.as_str()).collect();
    let advice = "check TRUSTED_ISSUERS, and that the server can reach the key set of the issuer";
    Some(match (keys["status"] == "ok", unusable.is_empty()) {
        (true, true) => Finding::ok(CHECK, "the server has keys of every issuer"),
        (true, false) => Finding::warn(CHECK, format!("no keys of {}", unusable.join(", ")), advice),
        (false, _) => Finding::fail(CHECK, "the server has no keys of any issuer", advice),
    })
}

fn time(answer: &Answer, before: OffsetDateTime, after: OffsetDateTime) -> Finding {
    const CHECK: &str = "clock";
    let date = answer.header("date").replace("GMT", "+0000");
    let Ok(remote) = OffsetDateTime::parse(&date, &Rfc2822) else {
        return Finding::skip(CHECK, "the response has no Date", "let the proxy pass or add the header");
    };
    // `Date` has whole seconds, and may have been made at any time between request and response.
    let ahead = remote - after;
    let behind = before - remote - Duration::SECOND;
    let difference = ahead.max(behind);
    let advice = "synchronize the clocks of the server and of this machine (NTP)";
    if difference > CLOCK_FAILURE {
        let seen = format!("{} s from the clock of this machine", difference.whole_seconds());
        Finding::fail(CHECK, format!("{seen}: tokens may be rejected"), advice)
    } else if difference > CLOCK_WARNING {
        Finding::warn(
            CHECK,
            format!("{} s from the clock of this machine", difference.whole_seconds()),
            advice,
        )
    } else {
        Finding::ok(CHECK, "as the clock of this machine")
    }
}

fn compression(answer: &Answer) -> Finding {
    const CHECK: &str = "http-coding";
    match answer.header("content-encoding") {
        "" => Finding::ok(CHECK, "responses are not compressed"),
        coding => Finding::warn(
            CHECK,
            format!("the proxy compresses responses: {coding}"),
            "turn compression off for this host, or exclude application/octet-stream: files are ciphertext",
        ),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use less_sync_doctor::Verdict;

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Answer {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect();
        Answer { status, headers, body: Bytes::from_static(body.as_bytes()) }
    }

    const SERVER: (&str, &str) = ("x-protocol-version", "1");

    #[test]
    fn responses_that_are_not_of_a_ready_server_fail() {
        let unready =
            answer(503, &[SERVER], r#"{"status":"unready","checks":{"database":{"status":"failed"}}}"#);
        assert!(health(&unready).seen.ends_with("database"));
        for (failed, advice) in [
            (unready, "less-sync-server doctor"),
            (answer(500, &[SERVER], ""), "update"),
            (answer(301, &[("location", "https://b.example")], ""), "redirects"),
            (answer(502, &[("server", "nginx")], ""), "LISTEN_ADDR"),
            (answer(200, &[], "<html>"), "all paths"),
        ] {
            let finding = health(&failed);
            assert_eq!(finding.verdict, Verdict::Fail, "{finding:?}");
            assert!(finding.advice.as_deref().unwrap().contains(advice), "{finding:?}");
        }
        assert_eq!(health(&answer(200, &[SERVER], "{}")).verdict, Verdict::Ok);
    }

    #[test]
    fn issuers_without_keys_are_a_warning_and_none_with_keys_a_failure() {
        let with = |keys| issuers(&answer(200, &[SERVER], keys)).map(|finding| finding.verdict);
        assert_eq!(with(r#"{"checks":{"keys":{"status":"ok"}}}"#), Some(Verdict::Ok));
        let one = r#"{"checks":{"keys":{"status":"ok","without_keys":["https://a.example"]}}}"#;
        assert_eq!(with(one), Some(Verdict::Warn));
        assert_eq!(with(r#"{"checks":{"keys":{"status":"failed"}}}"#), Some(Verdict::Fail));
        assert_eq!(with("{}"), None);
    }

    #[test]
    fn clocks_that_differ_are_a_warning_and_then_a_failure() {
        let dated = answer(200, &[("date", "Thu, 01 Jan 1970 00:01:40 GMT")], "");
        let seen_at = |seconds: i64| {
            let local = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            super::time(&dated, local, local).verdict
        };
        assert_eq!([100, 101, 104, 97].map(seen_at), [Verdict::Ok; 4]);
        assert_eq!([90, 110].map(seen_at), [Verdict::Warn; 2]);
        assert_eq!([60, 140].map(seen_at), [Verdict::Fail; 2]);
        let now = OffsetDateTime::UNIX_EPOCH;
        assert_eq!(super::time(&answer(200, &[], ""), now, now).verdict, Verdict::Skip);
    }

    #[test]
    fn compressed_response_is_a_warning() {
        let compressed = answer(200, &[("content-encoding", "gzip")], "");
        assert_eq!(compression(&compressed).verdict, Verdict::Warn);
        assert_eq!(compression(&answer(200, &[], "")).verdict, Verdict::Ok);
    }
}
