//! Files on the timeline of their space: live, and in pulls (http §7.3, protocol §5).

use http::{Method, StatusCode};
use less_sync_test_support::{bytes, delete};
use serde_json::{Value, json};

use crate::files::fixture::{Fixture, content, dek_bytes, fresh_id, send};

fn live(id: &str, size: usize) -> Value {
    let dek = bytes(dek_bytes(1, 7));
    json!({ "id": id, "record_id": crate::files::fixture::record(), "size": size, "dek": dek, "wrapped_dek": dek })
}

fn dead(id: &str) -> Value {
    json!({ "id": id, "record_id": crate::files::fixture::record(), "deleted": true })
}

/// H11, W5, X-12: a file event reaches subscribers by any form of the space id, the uploader's devices included.
#[tokio::test]
async fn upload_reaches_every_watcher() {
    let fixture = Fixture::new().await;
    let canonical = fixture.space.clone();
    let forms = [canonical.clone(), canonical.to_uppercase(), canonical.replace('-', "")];
    let mut watchers = Vec::new();
    for form in &forms {
        let mut watcher = fixture.server.raw("alice").await;
        watcher.subscribe(form).await;
        watchers.push(watcher);
    }
    let id = fresh_id();
    let uploaded = send(fixture.upload(&id.to_uppercase(), content(1000, 1))).await;
    assert_eq!(uploaded.status(), StatusCode::CREATED);
    let expected = json!({ "space": canonical, "cursor": 2, "files": [live(&id, 1000)] });
    for watcher in &mut watchers {
        assert_eq!(watcher.receive_notification("file").await, expected);
    }
    // A repeated upload sends no event.
    assert_eq!(send(fixture.upload(&id, "again")).await.status(), StatusCode::NO_CONTENT);
    for watcher in &mut watchers {
        watcher.assert_quiet().await;
    }
}

/// newer-clients §7: a deletion sends one event.
#[tokio::test]
async fn deletion_reaches_every_watcher() {
    let mut fixture = Fixture::new().await;
    let id = fixture.stored(&content(10, 1)).await;
    fixture.alice.subscribe(&fixture.space.clone()).await;
    for _ in 0..2 {
        assert_eq!(send(fixture.ask(Method::DELETE, &id)).await.status(), StatusCode::NO_CONTENT);
    }
    let expected = json!({ "space": fixture.space, "cursor": 3, "files": [dead(&id)] });
    assert_eq!(fixture.alice.receive_notification("file").await, expected);
    fixture.alice.assert_quiet().await;
}

/// P-048, P-197: rows of files in a pull, live files and tombstones.
#[tokio::test]
async fn pulls_carry_files() {
    let mut fixture = Fixture::new().await;
    let (kept, gone) = (fixture.stored(&content(5, 1)).await, fixture.stored(&content(6, 2)).await);
    assert_eq!(send(fixture.ask(Method::DELETE, &gone)).await.status(), StatusCode::NO_CONTENT);
    let space = fixture.space.clone();
    let row = |mut row: Value, cursor: u64| {
        row["space"] = json!(space);
        row["cursor"] = json!(cursor);
        row
    };
    let files = |rows: Vec<(String, Value)>| {
        rows.into_iter().filter(|(name, _)| name == "pull.file").map(|(_, row)| row).collect::<Vec<_>>()
    };
    assert_eq!(files(fixture.alice.pull(&space, 0).await), [row(live(&kept, 5), 2)]);
    assert_eq!(files(fixture.alice.pull(&space, 1).await), [row(live(&kept, 5), 2), row(dead(&gone), 4)]);
    assert_eq!(files(fixture.alice.pull(&space, 3).await), [row(dead(&gone), 4)]);
}

/// storage §3.6 step 12: the deletion of a record deletes its files, and the event of the push contains them.
#[tokio::test]
async fn files_are_deleted_with_their_record() {
    let mut fixture = Fixture::new().await;
    let id = fixture.stored(&content(10, 1)).await;
    let space = fixture.space.clone();
    let mut watcher = fixture.server.raw("alice").await;
    watcher.subscribe(&space).await;
    fixture.alice.push_ok(&space, &[delete(1, 1)]).await;
    assert_eq!(fixture.get(&id).await.status(), StatusCode::NOT_FOUND);
    let sync = watcher.receive_notification("sync").await;
    assert_eq!(sync["records"][0]["deleted"], true, "{sync}");
    let expected = json!({ "space": space, "cursor": 3, "files": [dead(&id)] });
    assert_eq!(watcher.receive_notification("file").await, expected);
    watcher.assert_quiet().await;
    fixture.alice.assert_quiet().await;
}
