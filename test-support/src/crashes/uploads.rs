//! Uploads under kills: whatever was acknowledged is there, whole; nothing else is, and no object is forgotten (H4, R6).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use less_sync_client::{AccessToken, Auth, Change, Dialer, Endpoint};
use less_sync_core::{FileId, RecordId};
use less_sync_engine::fsck::{Finding, Fsck, FsckOptions};
use less_sync_storage_objects::LocalBlobs;
use less_sync_storage_sqlite::{SqliteOptions, SqliteStorage};
use parking_lot::Mutex;
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::process::ServerProcess;
use super::run_state::{RECOVERY, User};
use crate::within;

/// The largest file, in bytes: more than one part of an upload to S3, more than one buffer of one to a directory.
const LARGEST: usize = 6 * 1024 * 1024;

/// Extent of a run.
#[derive(Clone, Copy, Debug)]
pub struct UploadCrashes {
    /// Number of kills.
    pub kills: u32,
    /// Uploads that are under way at any time.
    pub uploaders: u32,
    /// Uploads that are acknowledged between two kills.
    pub between_kills: u64,
}

/// Result of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Uploads that were answered with 201.
    pub created: u64,
    /// Uploads that were answered with 204, after an attempt whose answer was lost.
    pub repeated: u64,
    /// Uploads of which nothing was heard.
    pub unknown: u64,
}

/// State shared by the uploaders.
struct UploadRun {
    server: watch::Receiver<SocketAddr>,
    user: User,
    record: RecordId,
    http: reqwest::Client,
    acknowledged: watch::Sender<u64>,
    files: Mutex<HashMap<FileId, Known>>,
    outcome: Mutex<Uploaded>,
    stop: CancellationToken,
}

/// Expected state of a file, as far as its uploader knows it.
#[derive(Default)]
struct Known {
    /// Digests of everything that was ever sent for it.
    sent: Vec<[u8; 32]>,
    /// The digest that it must have; several are possible when an answer was lost.
    acknowledged: bool,
    created: Option<[u8; 32]>,
}

impl UploadCrashes {
    /// Lets uploaders work on `server`, which keeps its data in its own directory, while `kill` is called, which kills something
    /// and brings it back. Then downloads everything, stops the server and compares its objects with its database.
    ///
    /// # Panics
    /// If something acknowledged is missing or has become something else, or an object is left that nothing refers to.
    pub async fn run(
        self,
        mut server: ServerProcess,
        mut kill: impl AsyncFnMut(&mut ServerProcess),
    ) -> Uploaded {
        let user = server.user("uploader").await;
        let run = Arc::new(Box::pin(UploadRun::new(&server, user)).await);
        let mut uploaders = JoinSet::new();
        for _ in 0..self.uploaders {
            uploaders.spawn(run.clone().upload());
        }
        for _ in 0..self.kills {
            run.until_acknowledged(self.between_kills).await;
            kill(&mut server).await;
        }
        run.until_acknowledged(self.between_kills).await;
        run.stop.cancel();
        uploaders.join_all().await;
        let there = run.download_everything().await;
        let directory = server.stop().await;
        assert_eq!(findings(&directory.path().join(".less-sync")).await, []);
        let outcome = *run.outcome.lock();
        assert_eq!(there, outcome.created + outcome.repeated);
        outcome
    }
}

impl UploadRun {
    async fn new(server: &ServerProcess, user: User) -> Self {
        let address = *server.address().borrow();
        let record: RecordId = crate::record_id(1).parse().expect("an id");
        let endpoint = Endpoint::from_base(&format!("http://{address}/api/v1")).expect("an address");
        let token = AccessToken::from(user.token.as_str());
        let dialer = Dialer::new(endpoint);
        let dialled = Box::pin(within("a connection", dialer.dial(Auth::Token(token)))).await;
        let (connection, _events) = dialled.expect("a connection");
        let owner = [Change::create(record, "owner")];
        within("a push", connection.push(user.space, &owner)).await.expect("a record");
        Self {
            server: server.address(),
            user,
            record,
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
            acknowledged: watch::Sender::new(0),
            files: Mutex::default(),
            outcome: Mutex::default(),
            stop: CancellationToken::new(),
        }
    }

    async fn until_acknowledged(&self, more: u64) {
        let mut acknowledged = self.acknowledged.subscribe();
        let goal = *acknowledged.borrow() + more;
        let reached = acknowledged.wait_for(|count| *count >= goal);
        let reached = tokio::time::timeout(RECOVERY, reached).await;
        assert!(reached.is_ok(), "no uploads are acknowledged any more");
    }

    fn url(&self, file: FileId) -> String {
        format!("http://{}/api/v1/spaces/{}/files/{file}", *self.server.borrow(), self.user.space)
    }

    /// Uploads one file after the other; each until it is there, encrypted anew every time, as clients do.
    async fn upload(self: Arc<Self>) {
        while !self.stop.is_cancelled() {
            let file = FileId::from_bytes(rand::random());
            while !self.attempt(file).await {
                tokio::task::yield_now().await;
            }
        }
    }

    /// True if the file exists now.
    async fn attempt(&self, file: FileId) -> bool {
        let bytes = random_bytes();
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        self.files.lock().entry(file).or_default().sent.push(digest);
        let mut dek = [7; 44];
        dek[..4].copy_from_slice(&[0, 0, 0, 1]);
        let request = self
            .http
            .put(self.url(file))
            .bearer_auth(&self.user.token)
            .header("X-Record-ID", self.record.to_string())
            .header("X-Wrapped-DEK", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, dek))
            .body(bytes);
        let status = request.send().await.map(|response| response.status().as_u16());
        let (mut files, mut outcome) = (self.files.lock(), self.outcome.lock());
        let known = files.entry(file).or_default();
        match status {
            Ok(201) => {
                outcome.created += 1;
                (known.acknowledged, known.created) = (true, Some(digest));
            }
            Ok(204) => {
                outcome.repeated += 1;
                known.acknowledged = true;
            }
            _ => {
                outcome.unknown += 1;
                return false;
            }
        }
        self.acknowledged.send_modify(|count| *count += 1);
        true
    }

    /// Number of files; asserts that each is as it was acknowledged.
    async fn download_everything(&self) -> u64 {
        let files = std::mem::take(&mut *self.files.lock());
        let mut there = 0;
        for (file, known) in files {
            let request = self.http.get(self.url(file)).bearer_auth(&self.user.token);
            let response = within("a response", request.send()).await.expect("a response");
            assert_eq!(response.status().as_u16(), 200, "{file} was acknowledged");
            assert!(known.acknowledged);
            let digest: [u8; 32] = Sha256::digest(response.bytes().await.expect("a whole body")).into();
            match known.created {
                Some(created) => assert_eq!(digest, created, "{file} is not what was acknowledged"),
                None => assert!(known.sent.contains(&digest), "{file} is nothing that was ever sent"),
            }
            there += 1;
        }
        there
    }
}

fn random_bytes() -> Bytes {
    let mut random = rand::rng();
    let length = if random.random_bool(0.2) {
        random.random_range(0..LARGEST)
    } else {
        random.random_range(0..20_000)
    };
    let mut bytes = vec![0; length];
    random.fill(&mut bytes[..]);
    bytes.into()
}

/// Differences between the objects below `directory` and the database.
async fn findings(directory: &std::path::Path) -> Vec<Finding> {
    let storage =
        SqliteStorage::open(SqliteOptions::new(directory.join("less-sync.db"))).expect("its database");
    let storage = Arc::new(storage);
    let blobs =
        LocalBlobs::open(directory.join("files"), uuid::Uuid::from_u128(1)).await.expect("its objects");
    let options = FsckOptions { only: None, min_age: std::time::Duration::ZERO, delete: false };
    let mut found = Vec::new();
    let summary =
        Fsck::new(storage.clone(), Arc::new(blobs), options).run(|finding| found.push(finding)).await;
    let summary = summary.expect("a comparison");
    assert!(summary.files > 0 && summary.objects >= summary.files, "{summary:?}");
    storage.close().await;
    found
}
