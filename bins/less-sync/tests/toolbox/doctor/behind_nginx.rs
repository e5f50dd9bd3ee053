//! Servers behind nginx: the file in `deploy/proxies`, and mistakes.

use std::net::SocketAddr;

use less_sync_test_support::{Authority, ReverseProxy};

use super::findings::{Findings, server};

const DEPLOYED: &str = include_str!("../../../../../deploy/proxies/nginx.conf");

/// Directives of a location that serves everything but what a test leaves out or adds.
const LOCATION: [&str; 6] = [
    "proxy_http_version 1.1;",
    "proxy_set_header Host $http_host;",
    "proxy_set_header Upgrade $http_upgrade;",
    "proxy_set_header Connection upgrade;",
    "proxy_request_buffering off; proxy_buffering off;",
    "proxy_read_timeout 2h; proxy_send_timeout 2h;",
];

/// Directives of a server with the limits that a deployment needs.
const LIMITS: [&str; 2] = ["client_max_body_size 101m;", "large_client_header_buffers 4 96k;"];

/// nginx with one mistake: directives that contain `without` are left out, and `with` is added to the server.
async fn mistaken(server: SocketAddr, without: &str, with: &str) -> ReverseProxy {
    let keep = |lines: &[&str]| {
        let kept = lines.iter().filter(|line| without.is_empty() || !line.contains(without));
        kept.copied().collect::<Vec<_>>().join(" ")
    };
    let (limits, location) = (keep(&LIMITS), keep(&LOCATION));
    ReverseProxy::nginx(|address| {
        format!("server {{ listen {address}; {limits} {with} location / {{ proxy_pass http://{server}; {location} }} }}")
    })
    .await
}

fn url(proxy: &ReverseProxy) -> String {
    format!("http://{}", proxy.address())
}

#[tokio::test]
async fn deployed_file_has_no_failure() {
    let (server, folder) = (server().await, tempfile::tempdir().unwrap());
    let authority = Authority::new(folder.path());
    let files = authority.issue("proxy", "localhost");
    let proxy = ReverseProxy::nginx(|address| {
        let replaced = [
            ("127.0.0.1:5379", server.address().to_string()),
            ("listen 443 ssl", format!("listen {address} ssl")),
            ("/etc/letsencrypt/live/sync.example.com/fullchain.pem", files.certificate.display().to_string()),
            ("/etc/letsencrypt/live/sync.example.com/privkey.pem", files.key.display().to_string()),
        ];
        replaced.into_iter().fold(DEPLOYED.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, &to)
        })
    })
    .await;
    let url = format!("https://localhost:{}", proxy.address().port());
    let token = server.token("alice");
    let space = server.space("alice");
    let arguments = ["--token", &token, "--idle", "3", "--upload", "3000000", "--space", &space];
    let found = Findings::trusting(&url, &arguments, Some(&authority.certificate())).await;
    // `localhost` may have an IPv6 address, on which the proxy does not listen.
    found.assert("tls", "ok", &["TLS 1.3", "2090-01-01"]);
    found.assert("idle", "ok", &[]);
    found.assert("file", "ok", &["3000000"]);
    assert_eq!(found.code, 0);
}

#[tokio::test]
async fn certificates_that_clients_reject_fail_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let expired = authority.issue_until("expired", "localhost", 2020);
    let other = authority.issue("other", "other.example");
    let good = authority.issue("good", "localhost");
    std::fs::create_dir(folder.path().join("stranger")).unwrap();
    let stranger = Authority::new(&folder.path().join("stranger"));
    for (files, trusted, advice) in [
        (&expired, &authority, "renew the certificate"),
        (&other, &authority, "host name of the URL"),
        (&good, &stranger, "full chain"),
    ] {
        let proxy = ReverseProxy::nginx(|address| {
            let (certificate, key) = (files.certificate.display(), files.key.display());
            format!(
                "server {{ listen {address} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; }}"
            )
        })
        .await;
        let url = format!("https://localhost:{}", proxy.address().port());
        let found = Findings::trusting(&url, &[], Some(&trusted.certificate())).await;
        found.assert("tls", "fail", &[advice]);
        assert_eq!(found.code, 1);
    }
}

#[tokio::test]
async fn plain_http_where_tls_is_expected_fails() {
    let (server, folder) = (server().await, tempfile::tempdir().unwrap());
    let authority = Authority::new(folder.path());
    let url = format!("https://localhost:{}", server.address().port());
    let found = Findings::trusting(&url, &[], Some(&authority.certificate())).await;
    found.assert("tls", "fail", &["TLS"]);
}

#[tokio::test]
async fn missing_upgrade_headers_fail() {
    let server = server().await;
    let proxy = mistaken(server.address(), "Upgrade", "").await;
    let found = Findings::of(&url(&proxy), &[]).await;
    found.assert("upgrade", "fail", &["status 400", "did not see an upgrade", "proxy_set_header"]);
    found.assert_only(&["token skip", "upgrade fail", "idle skip"]);
}

#[tokio::test]
async fn small_body_limit_fails() {
    let server = server().await;
    let proxy = mistaken(server.address(), "client_max_body_size", "").await;
    let found = Findings::of(&url(&proxy), &[]).await;
    found.assert("body-limit", "fail", &["100 MiB", "status 413 of nginx", "client_max_body_size"]);
    found.assert_only(&["token skip", "body-limit fail", "idle skip"]);
}

#[tokio::test]
async fn small_header_limit_fails() {
    let server = server().await;
    let proxy = mistaken(server.address(), "large_client_header_buffers", "").await;
    let found = Findings::of(&url(&proxy), &[]).await;
    found.assert("header-limit", "fail", &["64 KiB", "large_client_header_buffers"]);
    found.assert_only(&["token skip", "header-limit fail", "idle skip"]);
}

#[tokio::test]
async fn short_timeout_of_idle_connections_fails() {
    let server = less_sync_test_support::TestServer::start().await;
    let proxy = mistaken(server.address(), "proxy_read_timeout", "proxy_read_timeout 1s;").await;
    let found = Findings::of(&url(&proxy), &["--token", &server.token("alice"), "--idle", "20"]).await;
    found.assert("idle", "fail", &["within 20 s", "proxy_read_timeout"]);
    found.assert_only(&["idle fail"]);
}

#[tokio::test]
async fn buffered_uploads_are_a_warning() {
    let server = server().await;
    let proxy = mistaken(server.address(), "proxy_request_buffering", "").await;
    let found = Findings::of(&url(&proxy), &[]).await;
    found.assert("body-limit", "warn", &["proxy_request_buffering off"]);
}

#[tokio::test]
async fn compression_of_files_fails() {
    let server = server().await;
    let gzip = "gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;";
    let proxy = mistaken(server.address(), "", gzip).await;
    let (token, space) = (server.token("alice"), server.space("alice"));
    let arguments = ["--token", &token, "--idle", "3", "--upload", "50000", "--space", &space];
    let found = Findings::of(&url(&proxy), &arguments).await;
    found.assert("http-coding", "warn", &["gzip"]);
    found.assert("file", "fail", &["gzip", "octet-stream"]);
}

#[tokio::test]
async fn cors_headers_of_the_proxy_fail() {
    let server = server().await;
    let proxy = mistaken(server.address(), "", "add_header Access-Control-Allow-Origin * always;").await;
    let found = Findings::of(&url(&proxy), &[]).await;
    found.assert("cors", "fail", &["more than once", "remove the CORS headers"]);
}

#[tokio::test]
async fn server_that_is_down_fails() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let proxy = mistaken(address, "", "").await;
    let found = Findings::of(&url(&proxy), &[]).await;
    found.assert("health", "fail", &["502", "LISTEN_ADDR"]);
    assert_eq!(found.code, 1);
}

#[tokio::test]
async fn paths_that_the_proxy_answers_itself_fail() {
    let server = server().await;
    let proxy = mistaken(server.address(), "", "location = /readyz { return 200; }").await;
    let found = Findings::of(&url(&proxy), &[]).await;
    found.assert("health", "fail", &["not from a less-sync server", "all paths"]);
}
