//! Servers behind Caddy: the file in `deploy/proxies`, and mistakes.

use less_sync_test_support::{Authority, ReverseProxy};

use super::findings::{Findings, server};

const DEPLOYED: &str = include_str!("../../../../../deploy/proxies/Caddyfile");

/// Caddy with a configuration of its site.
async fn caddy(site: &str) -> ReverseProxy {
    ReverseProxy::caddy(|address| format!("http://{address} {{\n{site}\n}}\n")).await
}

fn url(proxy: &ReverseProxy) -> String {
    format!("http://{}", proxy.address())
}

#[tokio::test]
async fn deployed_file_has_no_failure() {
    let (server, folder) = (server().await, tempfile::tempdir().unwrap());
    let authority = Authority::new(folder.path());
    let files = authority.issue("proxy", "localhost");
    let proxy = ReverseProxy::caddy(|address| {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        let site =
            format!("https://localhost:{} {{\n\tbind 127.0.0.1\n\ttls {certificate} {key}", address.port());
        assert!(DEPLOYED.contains("sync.example.com {") && DEPLOYED.contains("127.0.0.1:5379"), "{DEPLOYED}");
        let text = DEPLOYED.replace("sync.example.com {", &site);
        format!("{}\n", text.replace("127.0.0.1:5379", &server.address().to_string()))
    })
    .await;
    let url = format!("https://localhost:{}", proxy.address().port());
    let token = server.token("alice");
    let space = server.space("alice");
    let arguments = ["--token", &token, "--idle", "3", "--upload", "3000000", "--space", &space];
    let found = Findings::trusting(&url, &arguments, Some(&authority.certificate())).await;
    found.assert("tls", "ok", &["TLS 1.3"]);
    found.assert("idle", "ok", &[]);
    found.assert("file", "ok", &["3000000"]);
    assert_eq!(found.code, 0);
}

#[test]
fn first_deployment_shows_the_deployed_site() {
    const PAGE: &str = include_str!("../../../../../docs/first-deployment.md");
    let lines = DEPLOYED.lines().filter(|line| !line.trim_start().starts_with('#'));
    let site = lines.collect::<Vec<_>>().join("\n");
    assert!(site.contains("reverse_proxy") && PAGE.contains(&site), "{site}");
}

#[tokio::test]
async fn removed_upgrade_header_fails() {
    let server = server().await;
    let site = format!("reverse_proxy {} {{\nheader_up -Sec-Websocket-Protocol\n}}", server.address());
    let found = Findings::of(&url(&caddy(&site).await), &[]).await;
    found.assert("upgrade", "fail", &["status 400", "Upgrade"]);
}

#[tokio::test]
async fn small_body_limit_fails_with_a_real_upload() {
    let server = server().await;
    let site = format!("request_body {{\nmax_size 1MB\n}}\nreverse_proxy {}", server.address());
    let (token, space) = (server.token("alice"), server.space("alice"));
    let arguments = ["--token", &token, "--idle", "3", "--upload", "3000000", "--space", &space];
    let found = Findings::of(&url(&caddy(&site).await), &arguments).await;
    found.assert("file", "fail", &["upload failed", "request_body"]);
    assert_eq!(found.code, 1);
}

#[tokio::test]
async fn compression_is_a_warning() {
    let server = server().await;
    let site = format!(
        "encode {{\ngzip\nminimum_length 1\nmatch {{\nheader Content-Type *\n}}\n}}\nreverse_proxy {}",
        server.address()
    );
    let (token, space) = (server.token("alice"), server.space("alice"));
    let arguments = ["--token", &token, "--idle", "3", "--upload", "50000", "--space", &space];
    let found = Findings::of(&url(&caddy(&site).await), &arguments).await;
    found.assert("http-coding", "warn", &["gzip"]);
    found.assert("file", "fail", &["gzip"]);
}

#[tokio::test]
async fn redirect_fails() {
    let site = "redir https://other.example{uri} permanent";
    let found = Findings::of(&url(&caddy(site).await), &[]).await;
    found.assert("health", "fail", &["redirected to https://other.example/readyz"]);
    assert_eq!(found.code, 1);
}
