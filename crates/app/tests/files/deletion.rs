//! Deletion and revival of files (newer-clients §7).

use std::time::Duration;

use http::{Method, StatusCode};
use less_sync_test_support::{create, within};

use crate::scene::{Scene, answer, body, content, dek, fresh_id, header, refused};

/// The answer is the same for live, deleted and unknown files.
#[tokio::test]
async fn deletion_is_idempotent() {
    let scene = Scene::new().await;
    let id = scene.stored(&content(10, 1)).await;
    for id in [&id, &id, &fresh_id()] {
        let response = answer(scene.ask(Method::DELETE, id)).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert!(body(response).await.is_empty());
    }
    refused(scene.ask(Method::GET, &id), 404, "file not found").await;
}

/// G-15: a deleted file can be put again, for another record too; when its former object is removed, it stays.
#[tokio::test]
async fn deleted_file_is_revived_by_an_upload() {
    let mut scene = Scene::with(|server| server.embedded().manual_clock()).await;
    scene.alice.push_ok(&scene.space.clone(), &[create(2, "other")]).await;
    let id = scene.stored(&content(10, 1)).await;
    let former = scene.objects();
    assert_eq!(answer(scene.ask(Method::DELETE, &id)).await.status(), StatusCode::NO_CONTENT);
    let bytes = content(2000, 2);
    let revival = scene
        .ask(Method::PUT, &id)
        .header("X-Record-ID", less_sync_test_support::record_id(2))
        .header("X-Wrapped-DEK", dek(8))
        .body(bytes.clone());
    assert_eq!(answer(revival).await.status(), StatusCode::CREATED);
    assert_eq!(scene.objects().len(), former.len() + 1);
    until_swept(&scene, &former[0]).await;
    let response = scene.get(&id).await;
    assert_eq!(header(&response, "x-wrapped-dek"), dek(8));
    assert_eq!(body(response).await, bytes);
    // And deleted again.
    assert_eq!(answer(scene.ask(Method::DELETE, &id)).await.status(), StatusCode::NO_CONTENT);
    refused(scene.ask(Method::GET, &id), 404, "file not found").await;
    let object = scene.objects().pop().unwrap();
    until_swept(&scene, &object).await;
}

/// Lets the grace of everything that is to be removed be over, and the sweeper come by.
async fn until_swept(scene: &Scene, object: &str) {
    let db = rusqlite::Connection::open(scene.server.folder().join("less-sync.db")).unwrap();
    db.busy_timeout(Duration::from_secs(5)).unwrap();
    db.execute("UPDATE blob_uploads SET not_before = 0", []).unwrap();
    let swept = async {
        while scene.objects().iter().any(|name| name == object) {
            scene.server.clock().advance(Duration::from_mins(1));
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
