//! Deletion and revival of files (newer-clients §7).

use std::time::Duration;

use http::{Method, StatusCode};
use less_sync_test_support::{create, within};

use crate::files::fixture::{Fixture, body, content, dek, fresh_id, header, rejected, send};

/// The response is the same for live, deleted and unknown files.
#[tokio::test]
async fn deletion_is_idempotent() {
    let fixture = Fixture::new().await;
    let id = fixture.stored(&content(10, 1)).await;
    for id in [&id, &id, &fresh_id()] {
        let response = send(fixture.ask(Method::DELETE, id)).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert!(body(response).await.is_empty());
    }
    rejected(fixture.ask(Method::GET, &id), 404, "file not found").await;
}

/// G-15: a deleted file can be uploaded again, for another record too, and survives the removal of its former object.
#[tokio::test]
async fn deleted_file_is_revived_by_an_upload() {
    let mut fixture = Fixture::with(|server| server.embedded().manual_clock()).await;
    fixture.alice.push_ok(&fixture.space.clone(), &[create(2, "other")]).await;
    let id = fixture.stored(&content(10, 1)).await;
    let former = fixture.objects();
    assert_eq!(send(fixture.ask(Method::DELETE, &id)).await.status(), StatusCode::NO_CONTENT);
    let bytes = content(2000, 2);
    let revival = fixture
        .ask(Method::PUT, &id)
        .header("X-Record-ID", less_sync_test_support::record_id(2))
        .header("X-Wrapped-DEK", dek(8))
        .body(bytes.clone());
    assert_eq!(send(revival).await.status(), StatusCode::CREATED);
    assert_eq!(fixture.objects().len(), former.len() + 1);
    until_swept(&fixture, &former[0]).await;
    let response = fixture.get(&id).await;
    assert_eq!(header(&response, "x-wrapped-dek"), dek(8));
    assert_eq!(body(response).await, bytes);
    // Second deletion.
    assert_eq!(send(fixture.ask(Method::DELETE, &id)).await.status(), StatusCode::NO_CONTENT);
    rejected(fixture.ask(Method::GET, &id), 404, "file not found").await;
    let object = fixture.objects().pop().unwrap();
    until_swept(&fixture, &object).await;
}

/// Advances the clock past the grace period of all due objects and runs the sweeper.
async fn until_swept(fixture: &Fixture, object: &str) {
    let db = rusqlite::Connection::open(fixture.server.folder().join("less-sync.db")).unwrap();
    db.busy_timeout(Duration::from_mins(1)).unwrap();
    db.execute("UPDATE blob_uploads SET not_before = 0", []).unwrap();
    let swept = async {
        while fixture.objects().iter().any(|name| name == object) {
            fixture.server.clock().advance(Duration::from_mins(1));
            tokio::task::yield_now().await;
        }
    };
    within("the sweeper", swept).await;
    let queued =
        || db.query_row("SELECT count(*) FROM blob_uploads", [], |row| row.get::<_, i64>(0)).unwrap();
    let forgotten = async {
        while queued() > 0 {
            tokio::task::yield_now().await;
        }
    };
    within("the queue to be empty", forgotten).await;
}
