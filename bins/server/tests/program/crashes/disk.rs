//! The disk refuses to synchronise, and the server is killed: what the disk has lost was never acknowledged (storage §5, P1).

use std::path::Path;

use less_sync_test_support::crashes::{Crashes, RefusingDisk, ServerProcess, UploadCrashes};
use less_sync_test_support::{create, within};

const SERVER: &str = env!("CARGO_BIN_EXE_less-sync-server");

/// Lets the disk refuse on every first call, until a file was not synchronised, and kills the server on every second one, on a
/// disk that has recovered.
struct Fault<'d> {
    disk: &'d RefusingDisk,
    part: &'static str,
    refuses: bool,
}

impl Fault<'_> {
    async fn next(&mut self, server: &mut ServerProcess) {
        self.refuses = !self.refuses;
        if self.refuses {
            let before = self.refusals();
            self.disk.refuse(20, self.part);
            // The clients go on meanwhile, with a commit now and then.
            let refused = async {
                while self.refusals() == before {
                    tokio::task::yield_now().await;
                }
            };
            return within("a refusal of the disk", refused).await;
        }
        self.disk.recover();
        server.kill_and_restart().await;
    }

    /// Number of files that were not synchronised so far; of a database, its log.
    fn refusals(&self) -> usize {
        let is_database = self.part == "less-sync.db";
        self.disk.refused().iter().filter(|path| !is_database || path.ends_with("-wal")).count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_survive_a_disk_that_refuses_to_synchronise() {
    let disk = RefusingDisk::under(Path::new(SERVER));
    let mut server = ServerProcess::start(disk.program(), None).await;
    let mut fault = Fault { disk: &disk, part: "less-sync.db", refuses: false };
    let crashes = Crashes { kills: 12, users: 2, devices: 3 };
    let verdict = crashes.run(&mut server, async |server| fault.next(server).await).await;
    assert!(verdict.acknowledged > 0 && verdict.pulls > 0 && verdict.unknown > 0, "{verdict:?}");
    assert!(disk.refused().iter().any(|path| path.ends_with("-wal")), "no refusal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_survive_a_disk_that_refuses_to_synchronise_or_leave_nothing() {
    for part in ["/files/", "less-sync.db"] {
        let disk = RefusingDisk::under(Path::new(SERVER));
        let server = ServerProcess::start(disk.program(), None).await;
        let mut fault = Fault { disk: &disk, part, refuses: false };
        let crashes = UploadCrashes { kills: 4, uploaders: 6, between_kills: 12 };
        let outcome = crashes.run(server, async |server| fault.next(server).await).await;
        assert!(outcome.created > 30 && outcome.unknown > 0, "{outcome:?}");
        assert!(!disk.refused().is_empty(), "no refusal");
    }
}

/// Starts a killed server: reads and deletions need it, and deletions are what frees the disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_starts_and_reads_on_a_full_disk() {
    let disk = RefusingDisk::under(Path::new(SERVER));
    let mut server = ServerProcess::start(disk.program(), None).await;
    let (mut client, space) = server.connect("alice").await;
    client.push_ok(&space, &[create(1, "kept")]).await;
    disk.fill("/.less-sync/");
    server.kill_and_restart().await;
    let (mut client, _) = server.connect("alice").await;
    assert_eq!(client.pull(&space, 0).await.len(), 3, "begin, record, commit");
    assert_eq!(client.push(&space, &[create(2, "too much")]).await["ok"], false);
    assert!(server.log().contains("file storage is full"), "{}", server.log());
    disk.recover();
    client.push_ok(&space, &[create(3, "fits")]).await;
}

/// Http §4: readiness fails once a write has failed, and is back when writes work again, although no client has written
/// meanwhile. A check of a sound disk writes nothing, and a full one is not a fault of the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_follows_a_disk_that_rejects_writes() {
    let disk = RefusingDisk::under(Path::new(SERVER));
    let server = ServerProcess::start(disk.program(), None).await;
    let (mut client, space) = server.connect("alice").await;
    client.push_ok(&space, &[create(1, "kept")]).await;
    let until = async |expected: bool| {
        let reached = async {
            while server.readiness().await.0 != expected {
                tokio::task::yield_now().await;
            }
        };
        within("readiness", reached).await;
    };
    until(true).await;
    disk.fill("less-sync.db");
    assert_eq!(client.push(&space, &[create(2, "too much")]).await["ok"], false);
    let probes = disk.refused().len();
    until(true).await;
    assert!(probes > 0 && disk.refused().len() == probes, "a check has written: {:?}", disk.refused());
    disk.recover();
    client.push_ok(&space, &[create(2, "fits")]).await;
    disk.refuse(100, "less-sync.db");
    assert_eq!(client.push(&space, &[create(3, "lost")]).await["ok"], false);
    until(false).await;
    let (_, body) = server.readiness().await;
    assert!(body.contains(r#""database":{"status":"failed"}"#), "{body}");
    disk.recover();
    until(true).await;
    client.push_ok(&space, &[create(4, "after")]).await;
}
