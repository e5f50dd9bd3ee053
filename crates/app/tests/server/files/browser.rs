//! Requests of a web app from another origin, in a real browser (http §1.1, H15).

use std::path::{Path, PathBuf};

use less_sync_test_support::{TestServerBuilder, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::files::fixture::{Fixture, record};

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/browser");
    assert!(folder.join("node_modules").exists(), "`npm ci` in examples/browser first, or run ./test");
    folder
}

/// A site with one empty page, on an origin of its own.
struct Site {
    origin: String,
    _serving: JoinSet<()>,
}

impl Site {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(empty_page(stream));
            }
        });
        Self { origin, _serving: serving }
    }
}

async fn empty_page(mut stream: TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await.unwrap_or(0) > 0 {}
    let page =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let _gone = stream.write_all(page).await;
}

/// Runs the check against a server that allows `origins`, or every origin.
async fn check(site: &Site, origins: Option<&str>) -> std::process::Output {
    let with_origins = |server: TestServerBuilder| match origins {
        Some(origins) => server.setting("CORS_ALLOWED_ORIGINS", origins),
        None => server,
    };
    let fixture = Fixture::with(with_origins).await;
    let mut check = Command::new("node");
    check
        .current_dir(folder())
        .args(["check.js", &site.origin, &format!("http://{}", fixture.server.address())])
        .env("LESS_SYNC_TOKEN", fixture.server.token("alice"))
        .env("LESS_SYNC_SPACE", &fixture.space)
        .env("LESS_SYNC_RECORD", record());
    within("the browser to end", check.output()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn page_of_another_origin_uses_files_and_the_socket() {
    let site = Site::start().await;
    let listed = format!("capacitor://localhost,{}", site.origin);
    for origins in [None, Some(listed.as_str())] {
        let checked = check(&site, origins).await;
        let errors = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{errors}");
        assert_eq!(String::from_utf8_lossy(&checked.stdout), "upload, part, deletion, WebSocket\n");
    }
}

/// The browser enforces the list: the check fails for that reason, and not for another one.
#[tokio::test(flavor = "multi_thread")]
async fn page_of_an_origin_that_is_not_listed_is_blocked() {
    let site = Site::start().await;
    let blocked = check(&site, Some("https://app.example")).await;
    let errors = String::from_utf8_lossy(&blocked.stderr);
    assert!(!blocked.status.success() && errors.contains("blocked by CORS policy"), "{errors}");
}
