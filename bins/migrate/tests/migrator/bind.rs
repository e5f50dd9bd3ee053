//! `bind`: an operator moves a DID or mailbox to another issuer (auth §2.7).

use less_sync_test_support::{RawClient, TestServer};

use crate::command::{migrator, on};

const TWIN: &str = "https://twin.example";
const DID: &str = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169";
const MAILBOX: &str = "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";

/// True if the server keeps a connection with this token.
async fn accepts(server: &TestServer, token: &str) -> bool {
    let mut client = RawClient::connect(server.address()).await;
    client.authenticate(token).await;
    client.request("no.such.method", &serde_json::json!({})).await;
    matches!(client.receive().await, less_sync_test_support::Received::Frame(frame) if frame.payload.len() > 40)
}

#[tokio::test]
async fn squatted_ids_are_moved_to_another_issuer() {
    let server = TestServer::builder().embedded().also_trust(TWIN).start().await;
    let own = server.issuer().claims("alice").with("did", DID).mailbox(MAILBOX);
    let (foreign, own) = (server.issuer().mint(&own.clone().with("iss", TWIN)), server.issuer().mint(&own));
    assert!(accepts(&server, &foreign).await);
    assert!(!accepts(&server, &own).await);
    let database = format!("sqlite:{}", server.folder().join("less-sync.db").display());
    let issuer = server.issuer().url();
    let server = server.restart_after(|| {
        for id in [["--did", DID], ["--mailbox", MAILBOX]] {
            let bound = on(&database, &["bind", id[0], id[1], "--issuer", &format!("{issuer}/")]).succeeded();
            assert_eq!(bound.out, format!("bound to {issuer}\n"));
        }
    });
    let server = server.await;
    assert!(accepts(&server, &own).await);
    assert!(!accepts(&server, &foreign).await);
}

#[test]
fn id_and_issuer_are_required() {
    let issuer = ["--issuer", "https://a.example"];
    for arguments in [
        &["bind", "--did", DID][..],
        &["bind", issuer[0], issuer[1]],
        &["bind", "--did", DID, "--mailbox", MAILBOX, issuer[0], issuer[1]],
        &["bind", "--did", "", issuer[0], issuer[1]],
        &["bind", "--mailbox", "5E", issuer[0], issuer[1]],
        &["bind", "--did", DID, issuer[0], "nowhere"],
    ] {
        assert_eq!(migrator(&[("DATABASE_URL", "sqlite:x")], arguments).code, 2, "{arguments:?}");
    }
}
