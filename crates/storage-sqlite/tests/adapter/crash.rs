//! Killed at any instant, the store loses nothing that it acknowledged (R26, storage P11).

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::{Cursor, RecordId, SpaceId};
use less_sync_storage::{
    Change, CursorAhead, PullRequest, Push, PushLimits, Pushed, ReadGrant, Record, RecordState, Records as _,
    Row, Spaces as _, WriteGrant,
};
use less_sync_storage_sqlite::{SqliteOptions, SqliteStorage};
use tokio::task::JoinSet;

const LIMITS: PushLimits = PushLimits { records: 10, blob: 1 << 20, bytes: 1 << 24 };
const WRITERS: u8 = 8;
const ROUNDS: usize = 12;

/// Both records of a push hold the number of the push, so that a push done by half would show.
fn blob(number: u64) -> Bytes {
    number.to_be_bytes().repeat(250).into()
}

fn records() -> [RecordId; 2] {
    [RecordId::from_bytes([1; 16]), RecordId::from_bytes([2; 16])]
}

async fn rows(storage: &SqliteStorage, space: SpaceId) -> Vec<Record> {
    let grant = ReadGrant::issue(space);
    let request = PullRequest { since: Cursor::ZERO, ahead: CursorAhead::Error };
    let (_, page) = storage.begin_pull(&grant, request).await.unwrap();
    let record = |row| match row {
        Row::Record(record) => record,
        other @ (Row::Member(_) | Row::File(_)) => panic!("{other:?}"),
    };
    page.rows.into_iter().map(record).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_push_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sync.db");
    let mut acknowledged = HashMap::new();
    for round in 0..ROUNDS {
        // Every child gets further than the one before, so the kills fall on many different moments.
        kill_after(&path, 5 + round * round * 10, &mut acknowledged);
        let storage = SqliteStorage::open(SqliteOptions::new(&path)).unwrap();
        for writer in 0..WRITERS {
            let space = SpaceId::from_bytes([writer; 16]);
            // An early kill may come before a writer has made its space.
            let Some(found) = storage.spaces(&[space]).await.unwrap().pop() else {
                assert!(!acknowledged.contains_key(&writer), "the space of writer {writer} is gone");
                continue;
            };
            let stored = found.cursor;
            let known = acknowledged.get(&writer).copied().unwrap_or(Cursor::ZERO);
            assert!(stored >= known, "writer {writer} was told {known} but {stored} is what is left");
            let expected = records().map(|id| Record {
                id,
                cursor: stored,
                state: RecordState::Live { blob: blob(stored.get()), dek: None },
            });
            let rows = rows(&storage, space).await;
            assert!(rows == expected || stored == Cursor::ZERO && rows.is_empty(), "a push was done by half");
        }
        storage.close().await;
    }
}

/// Runs a pushing child process, records its acknowledgements, and kills it after a number of them.
fn kill_after(path: &Path, acknowledgements: usize, acknowledged: &mut HashMap<u8, Cursor>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_pushes_until_it_is_killed", "--ignored", "--nocapture"])
        .env("LESS_TEST_SQLITE_PATH", path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut seen = 0;
    for line in lines {
        let Some((writer, cursor)) = line.strip_prefix("acknowledged ").and_then(|pair| pair.split_once(' '))
        else {
            continue;
        };
        acknowledged.insert(writer.parse().unwrap(), Cursor::new(cursor.parse().unwrap()).unwrap());
        seen += 1;
        if seen == acknowledgements {
            // Later output of the child was acknowledged as well, so reading continues.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(seen >= acknowledgements, "the child ended by itself");
}

/// Not a test of its own: the process that is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by another test, in a process of its own"]
async fn child_pushes_until_it_is_killed() {
    let path = std::env::var_os("LESS_TEST_SQLITE_PATH").unwrap();
    let storage = Arc::new(SqliteStorage::open(SqliteOptions::new(path)).unwrap());
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let storage = Arc::clone(&storage);
        writers.spawn(async move {
            let space = storage
                .personal_space(SpaceId::from_bytes([writer; 16]), &"client".parse().unwrap(), None)
                .await
                .unwrap();
            let mut at = space.cursor;
            loop {
                at = push_both(&storage, space.id, at).await;
                let line = format!("acknowledged {writer} {at}\n");
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
            }
        });
    }
    writers.join_all().await;
}

async fn push_both(storage: &SqliteStorage, space: SpaceId, at: Cursor) -> Cursor {
    let state = RecordState::Live { blob: blob(at.get() + 1), dek: None };
    let changes = records().map(|id| Change { id, expected: at, state: state.clone() });
    let push = Push::new(changes, None, LIMITS).unwrap();
    match storage.push(&WriteGrant::issue(space), push).await.unwrap() {
        Pushed::Committed { cursor, .. } => cursor,
        conflict @ Pushed::Conflict { .. } => panic!("{conflict:?}"),
    }
}
