//! Trust in peers, and its changes while the server runs (federation §5).

use std::path::PathBuf;
use std::time::Duration;

use less_sync_test_support::{SharedSpace, TestServer, within};
use serde_json::json;
use tempfile::TempDir;

use super::fixture::{Peer, rejected};
use super::link::Dialer as _;

/// Peers file of one test.
struct PeersFile {
    folder: TempDir,
    written: std::cell::Cell<u64>,
}

impl PeersFile {
    fn new(tables: &[&str]) -> Self {
        let file = Self { folder: tempfile::tempdir().unwrap(), written: std::cell::Cell::new(0) };
        file.write(&["version = 1\n", &tables.concat()].concat());
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("peers.toml")
    }

    /// Replaces the content. The modification time moves even when the clock of the file system does not.
    fn write(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
        self.written.set(self.written.get() + 1);
        let modified = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + self.written.get());
        std::fs::File::options().append(true).open(self.path()).unwrap().set_modified(modified).unwrap();
    }

    async fn server(&self) -> TestServer {
        let setting = self.path().display().to_string();
        TestServer::builder().manual_clock().setting("FEDERATION_PEERS_FILE", &setting).start().await
    }
}

/// Waits until the status of an upgrade of `peer` is `status`, while the interval of the peers file passes.
async fn becomes(server: &TestServer, peer: &Peer, status: u16) {
    within("the peers file to be read", async {
        loop {
            server.clock().advance(Duration::from_secs(5));
            let (response, link) = peer.upgrade(server).send(server.address()).await;
            link.vanish();
            if response.status == status {
                break;
            }
        }
    })
    .await;
}

/// Federation TR-6, TR-7, TH-32, FM-15, T-315.
#[tokio::test]
async fn tr_7_revoked_trust_closes_links_and_restored_trust_accepts_them() {
    let (peer, other) = (Peer::new("b.example", 1), Peer::new("c.example", 2));
    let file = PeersFile::new(&[&peer.table(""), &other.table("")]);
    let server = file.server().await;
    let (mut link, mut kept) = (peer.dial(&server).await, other.dial(&server).await);
    link.assert_alive_link(&peer).await;
    let space = SharedSpace::create(&server).await;
    let entry = json!({ "id": space.text(), "since": 0, "ucan": space.root() });
    link.call("subscribe", &json!({ "spaces": [entry] })).await;
    file.write(&["version = 1\n", &other.table("")].concat());
    becomes(&server, &peer, 401).await;
    // Federation C37, §5.5.
    let farewell = json!({ "space": space.text(), "reason": "trust_revoked" });
    assert_eq!(link.receive_rpc().await["params"], farewell);
    assert_eq!(link.receive_close().await, (4002, "trust revoked".to_owned()));
    kept.assert_alive_link(&other).await;
    file.write(&["version = 1\n", &peer.table("trust = \"blocked\""), &other.table("")].concat());
    becomes(&server, &peer, 403).await;
    file.write(&["version = 1\n", &peer.table(""), &other.table("")].concat());
    becomes(&server, &peer, 101).await;
}

/// Federation TR-7: a removed key ends its links.
#[tokio::test]
async fn tr_7_removed_key_closes_its_links() {
    let (old, new) = (Peer::new("b.example", 1), Peer::new("b.example", 2));
    let new = Peer { key_id: "https://b.example/.well-known/jwks.json#fed-2".parse().unwrap(), ..new };
    let file = PeersFile::new(&[&old.table("")]);
    let server = file.server().await;
    let mut link = old.dial(&server).await;
    file.write(&["version = 1\n", &new.table("")].concat());
    becomes(&server, &new, 101).await;
    assert_eq!(link.receive_close().await, (4002, "key removed".to_owned()));
    assert_eq!(rejected(&old.upgrade(&server).response(server.address()).await).0, 401);
}

/// Federation TR-6: an invalid file changes nothing.
#[tokio::test]
async fn tr_6_invalid_file_keeps_the_previous_trust() {
    let (peer, other) = (Peer::new("b.example", 1), Peer::new("c.example", 2));
    let file = PeersFile::new(&[&peer.table("")]);
    let server = file.server().await;
    file.write("version = 1\n[[peer]]\ndomain = \"b c\"\n");
    server.clock().advance(Duration::from_secs(30));
    peer.dial(&server).await;
    file.write(&["version = 1\n", &peer.table(""), &other.table("")].concat());
    becomes(&server, &other, 101).await;
}
