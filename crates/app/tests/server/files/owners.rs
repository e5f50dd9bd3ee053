//! Records and their files (H12, W20).

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use less_sync_test_support::delete;

use crate::files::fixture::{Fixture, content, fresh_id, sending};

/// H12: the owner record is deleted during the upload.
#[tokio::test]
async fn upload_for_a_record_deleted_meanwhile_is_rejected() {
    let mut fixture = Fixture::new().await;
    let id = fresh_id();
    let (more, rest) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let rest = stream::unfold(rest, |mut rest| async move { Some((rest.recv().await?, rest)) });
    let slow = fixture.streamed(&id, 2_000_000, reqwest::Body::wrap_stream(rest.boxed()));
    let slow = sending(slow);
    more.send(Ok(content(1_000_000, 1))).await.unwrap();
    fixture.until_an_object_is_written().await;
    fixture.alice.push_ok(&fixture.space.clone(), &[delete(1, 1)]).await;
    more.send(Ok(content(1_000_000, 1))).await.unwrap();
    drop(more);
    let response = slow.await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(response.text().await.unwrap(), r#"{"error":"record not found in this space"}"#);
    assert_eq!(fixture.get(&id).await.status(), StatusCode::NOT_FOUND);
}
