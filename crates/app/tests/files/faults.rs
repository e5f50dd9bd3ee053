//! Objects that are not what they should be, and a place that fails (H6, storage §4.5).

use std::path::PathBuf;

use http::{Method, StatusCode};

use crate::scene::{Scene, answer, content, refused};

/// Where the only object of the server is.
fn object(scene: &Scene) -> PathBuf {
    let name = scene.objects().pop().expect("an object");
    scene.server.folder().join("files/spaces").join(&scene.space).join("files").join(name)
}

/// H6, W6: never a body that looks whole, never a hang.
#[tokio::test]
async fn damaged_objects_are_never_served() {
    let scene = Scene::new().await;
    let id = scene.stored(&content(10_000, 1)).await;
    let path = object(&scene);
    for length in [9_999, 0, 10_001] {
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_len(length).unwrap();
        refused(scene.ask(Method::GET, &id), 500, "internal error").await;
        refused(scene.ask(Method::GET, &id).header("Range", "bytes=0-1"), 500, "internal error").await;
    }
    std::fs::remove_file(&path).unwrap();
    refused(scene.ask(Method::GET, &id), 404, "file not found").await;
    // HEAD says what is known without looking.
    assert_eq!(answer(scene.ask(Method::HEAD, &id)).await.status(), StatusCode::OK);
}

/// W3: an object alone is no file; the upload after it counts.
#[tokio::test]
async fn object_without_a_row_is_no_file() {
    let scene = Scene::new().await;
    let id = crate::scene::fresh_id();
    let folder = scene.server.folder().join("files/spaces").join(&scene.space).join("files");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(&id), b"left behind by a crash").unwrap();
    refused(scene.ask(Method::GET, &id), 404, "file not found").await;
    let bytes = content(100, 1);
    assert_eq!(answer(scene.upload(&id, bytes.clone())).await.status(), StatusCode::CREATED);
    assert_eq!(crate::scene::body(scene.get(&id).await).await, bytes);
}

/// A directory that cannot be written to any more: 503 or 500, nothing half there, the rest of the server unharmed; and
/// the readiness says so.
#[tokio::test]
async fn place_that_fails_harms_nothing_else() {
    let mut scene = Scene::new().await;
    let kept = content(100, 1);
    let id = scene.stored(&kept).await;
    let (root, away) = (scene.server.folder().join("files"), scene.server.folder().join("away"));
    std::fs::rename(&root, &away).unwrap();
    std::fs::write(&root, b"no directory").unwrap();
    let failed = answer(scene.upload(&crate::scene::fresh_id(), "x")).await;
    assert!([500, 503].contains(&failed.status().as_u16()), "{failed:?}");
    let space = scene.space.clone();
    scene.alice.push_ok(&space, &[less_sync_test_support::update(1, "still", 1)]).await;
    std::fs::remove_file(&root).unwrap();
    std::fs::rename(&away, &root).unwrap();
    assert_eq!(crate::scene::body(scene.get(&id).await).await, kept);
    scene.stored(&content(5, 2)).await;
}
