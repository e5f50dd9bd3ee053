//! Uploads of existing files (http §7.2 row 16, §7.3).

use bytes::Bytes;
use futures_util::{StreamExt as _, future, stream};
use http::{Method, StatusCode};
use less_sync_test_support::create;

use crate::files::fixture::{Fixture, body, content, dek, fresh_id, header, rejected, send, sending};

/// P-202, http §13 "second identical upload 204": the first upload stays, bytes and key.
#[tokio::test]
async fn repeat_changes_nothing() {
    let fixture = Fixture::new().await;
    let first = content(1000, 1);
    let id = fixture.stored(&first).await;
    let other = fixture.upload(&id, content(2000, 2)).header("X-Wrapped-DEK", dek(8));
    let repeated = send(other).await;
    assert_eq!(repeated.status(), StatusCode::NO_CONTENT);
    assert_eq!(header(&repeated, "etag"), format!("\"{id}\""));
    let response = fixture.get(&id).await;
    assert_eq!(header(&response, "x-wrapped-dek"), dek(7));
    assert_eq!(body(response).await, first);
    assert_eq!(fixture.objects().len(), 1);
}

/// 204 is sent before the body is read, and the connection stays open when the body is small.
#[tokio::test]
async fn repeat_gets_a_response_before_its_body() {
    let fixture = Fixture::new().await;
    let id = fixture.stored(&content(10, 1)).await;
    let never_sent = reqwest::Body::wrap_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let request = fixture.streamed(&id, 5_000_000, never_sent);
    assert_eq!(send(request).await.status(), StatusCode::NO_CONTENT);
}

/// http §7.1.
#[tokio::test]
async fn condition_turns_a_repeat_into_412() {
    let fixture = Fixture::new().await;
    let id = fresh_id();
    let upload = || fixture.upload(&id, content(10, 1)).header("If-None-Match", "*");
    assert_eq!(send(upload()).await.status(), StatusCode::CREATED);
    rejected(upload(), 412, "precondition failed").await;
}

/// A file belongs to one record permanently.
#[tokio::test]
async fn file_of_another_record_is_a_conflict() {
    let mut fixture = Fixture::new().await;
    fixture.alice.push_ok(&fixture.space.clone(), &[create(2, "other")]).await;
    let id = fixture.stored(&content(10, 1)).await;
    let request = fixture
        .ask(Method::PUT, &id)
        .header("X-Record-ID", less_sync_test_support::record_id(2))
        .header("X-Wrapped-DEK", dek(7))
        .body("other");
    rejected(request, 409, "file belongs to another record").await;
}

/// H5, W4: of concurrent uploads of one file one succeeds as a whole, and the objects of the others are removed.
#[tokio::test]
async fn concurrent_uploads_of_a_file_have_one_winner() {
    let fixture = Fixture::new().await;
    for round in 0..20 {
        let id = fresh_id();
        let contents: Vec<_> =
            (0..4).map(|number| content(10_000 + number, round * 10 + number as u64)).collect();
        let uploads = contents.iter().map(|bytes| send(fixture.upload(&id, bytes.clone())));
        let responses: Vec<_> =
            future::join_all(uploads).await.iter().map(reqwest::Response::status).collect();
        let created: Vec<_> = (0..4).filter(|number| responses[*number] == StatusCode::CREATED).collect();
        assert_eq!(created.len(), 1, "{responses:?}");
        assert!(responses.iter().all(|status| [201, 204].contains(&status.as_u16())), "{responses:?}");
        assert_eq!(body(fixture.get(&id).await).await, contents[created[0]]);
    }
}

/// W4: an upload in progress blocks no other request and is not visible.
#[tokio::test]
async fn upload_in_progress_is_not_visible() {
    let fixture = Fixture::new().await;
    let id = fresh_id();
    let (more, rest) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let rest = stream::unfold(rest, |mut rest| async move { Some((rest.recv().await?, rest)) });
    let slow = fixture.streamed(&id, 20, reqwest::Body::wrap_stream(rest.boxed()));
    let slow = sending(slow);
    more.send(Ok(Bytes::from_static(b"0123456789"))).await.unwrap();
    assert_eq!(fixture.get(&id).await.status(), StatusCode::NOT_FOUND);
    let quick = content(50, 1);
    assert_eq!(send(fixture.upload(&id, quick.clone())).await.status(), StatusCode::CREATED);
    more.send(Ok(Bytes::from_static(b"0123456789"))).await.unwrap();
    drop(more);
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(body(fixture.get(&id).await).await, quick);
}
