//! Parts of files and conditions (http §7.5).

use http::{Method, StatusCode};
use serde_json::json;

use crate::files::fixture::{
    Fixture, body, content, dek, dek_bytes, dek_of, fresh_id, header, rejected, send,
};

/// H7 over the wire; the complete matrix is in the tests of the parser.
#[tokio::test]
async fn ranges_select_parts() {
    let fixture = Fixture::new().await;
    let bytes = content(10_000, 1);
    let id = fixture.stored(&bytes).await;
    for (range, part) in [
        ("bytes=0-0", 0..1),
        ("bytes=0-9999", 0..10_000),
        ("bytes=500-", 500..10_000),
        ("bytes=-500", 9500..10_000),
        ("bytes=9999-20000", 9999..10_000),
    ] {
        let response = send(fixture.ask(Method::GET, &id).header("Range", range)).await;
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        let shown = format!("bytes {}-{}/10000", part.start, part.end - 1);
        assert_eq!(header(&response, "content-range"), shown);
        assert_eq!(header(&response, "content-length"), part.len().to_string());
        assert_eq!(header(&response, "x-wrapped-dek"), dek(7));
        assert_eq!(header(&response, "etag"), format!("\"{id}\""));
        assert_eq!(body(response).await, bytes.slice(part), "{range}");
    }
    for ignored in ["bytes=0-1,5-6", "lines=0-1", "bytes=5-1", "nonsense"] {
        let response = send(fixture.ask(Method::GET, &id).header("Range", ignored)).await;
        assert_eq!(response.status(), StatusCode::OK, "{ignored}");
        assert_eq!(body(response).await, bytes);
    }
    let beyond = send(fixture.ask(Method::GET, &id).header("Range", "bytes=10000-")).await;
    assert_eq!(header(&beyond, "content-range"), "bytes */10000");
    rejected(fixture.ask(Method::GET, &id).header("Range", "bytes=10000-"), 416, "range not satisfiable")
        .await;
    let head = send(fixture.ask(Method::HEAD, &id).header("Range", "bytes=0-1")).await;
    assert_eq!((head.status(), header(&head, "content-length")), (StatusCode::OK, "10000"));
}

#[tokio::test]
async fn if_range_must_match_the_file() {
    let fixture = Fixture::new().await;
    let id = fixture.stored(&content(100, 1)).await;
    let ask =
        |tag: String| fixture.ask(Method::GET, &id).header("Range", "bytes=0-9").header("If-Range", tag);
    assert_eq!(send(ask(format!("\"{id}\""))).await.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(send(ask("\"other\"".to_owned())).await.status(), StatusCode::OK);
}

/// H7: a 304 carries the current key.
#[tokio::test]
async fn copy_is_revalidated_with_the_newest_key() {
    let fixture = Fixture::new().await;
    let mut alice = fixture.server.raw("alice").await;
    let id = fixture.stored(&content(100, 1)).await;
    let tag = format!("\"{id}\"");
    let ask = || fixture.ask(Method::GET, &id).header("If-None-Match", format!("\"x\", {tag}"));
    let not_modified = send(ask()).await;
    assert_eq!(not_modified.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(header(&not_modified, "x-wrapped-dek"), dek(7));
    assert_eq!(header(&not_modified, "etag"), tag);
    let (space, new) = (fixture.space.clone(), dek_bytes(2, 9));
    alice.call("epoch.begin", &json!({ "space": space, "epoch": 2 })).await;
    let deks = json!([{ "id": id, "dek": less_sync_test_support::bytes(new) }]);
    let rewrapped = alice.call("deks.rewrapFiles", &json!({ "space": space, "deks": deks })).await;
    assert_eq!(rewrapped["result"]["count"], 1, "{rewrapped}");
    let not_modified = send(ask()).await;
    assert_eq!(not_modified.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(header(&not_modified, "x-wrapped-dek"), dek_of(2, 9));
}

#[tokio::test]
async fn failed_precondition_is_412() {
    let fixture = Fixture::new().await;
    let id = fixture.stored(&content(100, 1)).await;
    rejected(fixture.ask(Method::GET, &id).header("If-Match", "\"other\""), 412, "precondition failed").await;
    for good in ["*".to_owned(), format!("\"{id}\"")] {
        assert_eq!(
            send(fixture.ask(Method::GET, &id).header("If-Match", good)).await.status(),
            StatusCode::OK
        );
    }
    // No file to match.
    rejected(fixture.ask(Method::GET, &fresh_id()).header("If-Match", "*"), 404, "file not found").await;
}

/// `HEAD` has the response of `GET`, without the body.
#[tokio::test]
async fn head_agrees_with_get() {
    let fixture = Fixture::new().await;
    let id = fixture.stored(&content(100, 1)).await;
    for path in [id.clone(), fresh_id(), "nonsense".to_owned()] {
        let (get, head) = (fixture.get(&path).await, send(fixture.ask(Method::HEAD, &path)).await);
        assert_eq!(get.status(), head.status());
        let comparable = |response: &reqwest::Response| {
            let mut headers = response.headers().clone();
            headers.remove("date");
            headers.remove("x-request-id");
            headers
        };
        assert_eq!(comparable(&get), comparable(&head));
        assert!(body(head).await.is_empty());
    }
}
