//! Damaged objects, and failures of the object directory (H6, storage §4.5).

use std::path::PathBuf;

use http::{Method, StatusCode};

use crate::files::fixture::{Fixture, content, rejected, send};

/// Path of the only object of the server.
fn object(fixture: &Fixture) -> PathBuf {
    let name = fixture.objects().pop().expect("an object");
    fixture.server.folder().join("files/spaces").join(&fixture.space).join("files").join(name)
}

/// H6, W6: a damaged object gives neither a body that looks complete nor a hang.
#[tokio::test]
async fn damaged_objects_are_never_served() {
    let fixture = Fixture::new().await;
    let id = fixture.stored(&content(10_000, 1)).await;
    let path = object(&fixture);
    for length in [9_999, 0, 10_001] {
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_len(length).unwrap();
        rejected(fixture.ask(Method::GET, &id), 500, "internal error").await;
        rejected(fixture.ask(Method::GET, &id).header("Range", "bytes=0-1"), 500, "internal error").await;
    }
    std::fs::remove_file(&path).unwrap();
    rejected(fixture.ask(Method::GET, &id), 404, "file not found").await;
    // HEAD is served from the database, without reading the object.
    assert_eq!(send(fixture.ask(Method::HEAD, &id)).await.status(), StatusCode::OK);
}

/// W3: an object without a row is not a file; a later upload succeeds.
#[tokio::test]
async fn object_without_a_row_is_no_file() {
    let fixture = Fixture::new().await;
    let id = crate::files::fixture::fresh_id();
    let folder = fixture.server.folder().join("files/spaces").join(&fixture.space).join("files");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(&id), b"left behind by a crash").unwrap();
    rejected(fixture.ask(Method::GET, &id), 404, "file not found").await;
    let bytes = content(100, 1);
    assert_eq!(send(fixture.upload(&id, bytes.clone())).await.status(), StatusCode::CREATED);
    assert_eq!(crate::files::fixture::body(fixture.get(&id).await).await, bytes);
}

/// A directory that is no longer writable: 503 or 500, no partial file, the rest of the server works, and
/// readiness reports it.
#[tokio::test]
async fn failing_object_directory_affects_files_only() {
    let mut fixture = Fixture::new().await;
    let kept = content(100, 1);
    let id = fixture.stored(&kept).await;
    let (root, away) = (fixture.server.folder().join("files"), fixture.server.folder().join("away"));
    std::fs::rename(&root, &away).unwrap();
    std::fs::write(&root, b"no directory").unwrap();
    let failed = send(fixture.upload(&crate::files::fixture::fresh_id(), "x")).await;
    assert!([500, 503].contains(&failed.status().as_u16()), "{failed:?}");
    let space = fixture.space.clone();
    fixture.alice.push_ok(&space, &[less_sync_test_support::update(1, "still", 1)]).await;
    std::fs::remove_file(&root).unwrap();
    std::fs::rename(&away, &root).unwrap();
    assert_eq!(crate::files::fixture::body(fixture.get(&id).await).await, kept);
    fixture.stored(&content(5, 2)).await;
}
