//! Uploads through Caddy, which forwards an early response when the next piece of the request arrives.

use less_sync_test_support::{ReverseProxy, TestServer, within};

use crate::program::{Shell as _, stderr};
use crate::terminal::Terminal;

#[tokio::test(flavor = "multi_thread")]
async fn large_file_is_checked_and_uploaded_without_a_wait_for_its_body() {
    let server = TestServer::builder().files().setting("MAX_FILE_SIZE", "20MiB").start().await;
    let proxy = ReverseProxy::caddy(|address| {
        format!("http://{address} {{\nreverse_proxy {}\n}}\n", server.address())
    })
    .await;
    let terminal = Terminal::new(&server).through(proxy.address());
    std::fs::File::create(terminal.path("sparse")).unwrap().set_len(3 << 30).unwrap();
    let output = within("the rejection", terminal.run(&["file", "put", "sparse"])).await;
    let text = stderr(&output);
    assert!(text.contains("rejected: sparse: file exceeds 20 MB limit (413)\n"), "{text}");
    std::fs::File::create(terminal.path("large")).unwrap().set_len(9 << 20).unwrap();
    let output = within("the upload", terminal.run(&["file", "put", "large"])).await;
    assert!(output.status.success(), "{}", stderr(&output));
}
