//! Servers without a proxy.

use less_sync_test_support::TestServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::findings::{Findings, ready, server};
use crate::program::{output, program, stderr};

#[tokio::test]
async fn sound_server_has_no_failure() {
    let server = server().await;
    let url = format!("http://{}", server.address());
    let token = server.token("alice");
    let space = server.space("alice");
    let arguments = ["--token", &token, "--idle", "3", "--upload", "100000", "--space", &space];
    let found = Findings::of(&url, &arguments).await;
    found.assert_only(&[]);
    assert_eq!(found.code, 0);
    found.assert("idle", "ok", &["open for 3 s"]);
    found.assert("file", "ok", &["100000 bytes"]);
    // The check leaves a tombstone.
    let mut client = server.raw("alice").await;
    let rows = client.pull(&server.space("alice"), 0).await;
    assert!(rows.iter().all(|(_, row)| row.get("blob").is_none_or(serde_json::Value::is_null)), "{rows:?}");
}

#[tokio::test]
async fn checks_without_a_token_are_skipped() {
    let server = server().await;
    let found = Findings::of(&format!("http://{}", server.address()), &[]).await;
    found.assert_only(&["token skip", "idle skip"]);
    assert_eq!(found.code, 0);
}

#[tokio::test]
async fn token_of_another_issuer_fails() {
    let (server, other) = (server().await, server().await);
    let url = format!("http://{}", server.address());
    let found = Findings::of(&url, &["--token", &other.token("alice"), "--idle", "1"]).await;
    found.assert("token", "fail", &["untrusted token issuer", "TRUSTED_ISSUERS"]);
    found.assert("idle", "fail", &["4000"]);
    assert_eq!(found.code, 1);
}

/// A text that is given as a token and is none is a failure, not the absence of one.
#[tokio::test]
async fn text_that_is_no_token_fails() {
    let server = server().await;
    let url = format!("http://{}", server.address());
    for (token, text) in
        [("abc", "is not a JWT"), ("", "is empty"), ("@/nowhere/token", "cannot read the token")]
    {
        let found = Findings::of(&url, &["--token", token]).await;
        found.assert("token", "fail", &[text]);
        found.assert_only(&["token fail", "idle skip"]);
        assert_eq!(found.code, 1);
    }
}

#[tokio::test]
async fn short_wait_without_keepalive_is_a_warning() {
    let server = TestServer::start().await;
    ready(&server).await;
    let (url, token) = (format!("http://{}", server.address()), server.token("alice"));
    let found = Findings::of(&url, &["--token", &token, "--idle", "1"]).await;
    found.assert_only(&["idle warn"]);
    assert_eq!(found.code, 0);
}

#[tokio::test]
async fn origins_that_are_not_listed_fail() {
    let listed = "https://app.example";
    let server = TestServer::builder().setting("CORS_ALLOWED_ORIGINS", listed).start().await;
    let url = format!("http://{}", server.address());
    Findings::of(&url, &["--origin", listed]).await.assert("cors", "ok", &[listed]);
    let other = Findings::of(&url, &["--origin", "https://other.example"]).await;
    other.assert("cors", "fail", &["https://other.example", "CORS_ALLOWED_ORIGINS"]);
    Findings::of(&url, &[]).await.assert("cors", "skip", &["--origin"]);
}

#[tokio::test]
async fn smaller_limit_of_the_server_is_a_warning() {
    let server = TestServer::builder().files().setting("MAX_FILE_SIZE", "1MiB").start().await;
    let (url, token) = (format!("http://{}", server.address()), server.token("alice"));
    let space = server.space("alice");
    let arguments = ["--token", &token, "--idle", "1", "--upload", "2000000", "--space", &space];
    let found = Findings::of(&url, &arguments).await;
    found.assert("file", "fail", &["413"]);
}

/// A server is not ready before it has fetched the keys of an issuer.
#[tokio::test]
async fn server_that_has_just_started_is_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut requests = 0;
    let starting = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).await.unwrap();
            let is_first = head.get(..read).unwrap().starts_with(b"GET /readyz") && {
                requests += 1;
                requests == 1
            };
            let status = if is_first { "503 Service Unavailable" } else { "200 OK" };
            let response =
                format!("HTTP/1.1 {status}\r\nx-protocol-version: 1\r\ncontent-length: 2\r\n\r\n{{}}");
            stream.write_all(response.as_bytes()).await.unwrap();
        }
    };
    let found = tokio::select! {
        found = Findings::of(&url, &[]) => found,
        () = starting => unreachable!(),
    };
    found.assert("health", "ok", &["the server is ready"]);
}

#[tokio::test]
async fn address_without_a_listener_fails() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let found = Findings::of(&url, &[]).await;
    found.assert_only(&["connect fail"]);
    found.assert("connect", "fail", &["firewall"]);
}

#[tokio::test]
async fn text_report_has_advice_and_a_summary() {
    let server = server().await;
    let url = format!("http://{}", server.address());
    let report = output(&mut program(&["doctor", &url])).await;
    assert_eq!(report.status.code(), Some(0), "{}", stderr(&report));
    let text = String::from_utf8(report.stdout).unwrap();
    assert!(text.contains("ok    upgrade        101, less-rpc-v1\n"), "{text}");
    assert!(text.contains("-> give --token"), "{text}");
    assert!(text.ends_with(" ok, 0 warnings, 0 failures, 2 skipped\n"), "{text}");
}

#[tokio::test]
async fn wrong_arguments_are_usage_errors() {
    for arguments in [&["doctor", "ftp://a"][..], &["doctor", "--idle", "0"], &["doctor", "http://a", "b"]] {
        assert_eq!(output(&mut program(arguments)).await.status.code(), Some(2), "{arguments:?}");
    }
}
