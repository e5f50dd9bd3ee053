//! Uploads, and downloads of the uploaded files.

use bytes::Bytes;
use futures_util::stream;
use http::{Method, StatusCode};

use crate::files::fixture::{Fixture, body, content, dek, digest, fresh_id, header, record, send};

/// http §13 "upload, download with DEK header and bytes, head without body"; http §7.3, §7.4.
#[tokio::test]
async fn uploaded_file_is_downloaded_with_its_key() {
    let fixture = Fixture::new().await;
    let (id, bytes) = (fresh_id(), content(1000, 1));
    let created = send(fixture.upload(&id, bytes.clone())).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(header(&created, "etag"), format!("\"{id}\""));
    assert_eq!(header(&created, "repr-digest"), digest(&bytes));
    assert_eq!(header(&created, "x-protocol-version"), "1");
    assert!(body(created).await.is_empty());
    for method in [Method::GET, Method::HEAD] {
        let response = send(fixture.ask(method.clone(), &id)).await;
        assert_eq!(response.status(), StatusCode::OK);
        for (name, expected) in [
            ("content-type", "application/octet-stream"),
            ("content-length", "1000"),
            ("etag", &format!("\"{id}\"")),
            ("x-wrapped-dek", &dek(7)),
            ("accept-ranges", "bytes"),
            ("cache-control", "private, no-cache"),
            ("vary", "Authorization, X-UCAN"),
            ("repr-digest", &digest(&bytes)),
            ("content-disposition", "attachment"),
        ] {
            assert_eq!(header(&response, name), expected, "{method} {name}");
        }
        let expected = if method == Method::GET { bytes.clone() } else { Bytes::new() };
        assert_eq!(body(response).await, expected);
    }
}

/// H1, W1: sizes around the boundaries of S3 parts and buffers.
#[tokio::test]
async fn files_of_all_sizes_round_trip() {
    const MIB: usize = 1024 * 1024;
    let fixture = Fixture::new().await;
    for size in [0, 1, 2 * MIB, 2 * MIB + 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 20 * MIB] {
        let bytes = content(size, size as u64);
        let response = fixture.get(&fixture.stored(&bytes).await).await;
        assert_eq!(header(&response, "content-length"), size.to_string());
        assert!(body(response).await == bytes, "{size}");
    }
}

/// H1: the maximum file size, up and down.
#[tokio::test]
async fn largest_file_round_trips() {
    let fixture = Fixture::new().await;
    let bytes = content(100 * 1024 * 1024, 1);
    let id = fixture.stored(&bytes).await;
    let response = fixture.get(&id).await;
    assert_eq!(header(&response, "repr-digest"), digest(&bytes));
    assert!(body(response).await == bytes);
    let last = send(fixture.ask(Method::GET, &id).header("Range", "bytes=-1000")).await;
    assert_eq!(body(last).await, bytes.slice(bytes.len() - 1000..));
}

/// The limit itself is allowed; one more is rejected before any of it is sent.
#[tokio::test]
async fn limit_may_be_reached_but_not_exceeded() {
    let fixture = Fixture::with(|server| server.setting("MAX_FILE_SIZE", "3 MiB")).await;
    let limit = 3 * 1024 * 1024;
    fixture.stored(&content(limit, 1)).await;
    let never_sent = reqwest::Body::wrap_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let request = fixture.streamed(&fresh_id(), limit + 1, never_sent);
    crate::files::fixture::rejected(request, 413, "file exceeds 3 MB limit").await;
}

/// http §7.1, §7.2 row 20.
#[tokio::test]
async fn announced_digest_must_match() {
    let fixture = Fixture::new().await;
    let bytes = content(1000, 1);
    for name in ["Repr-Digest", "Content-Digest"] {
        let right = fixture.upload(&fresh_id(), bytes.clone()).header(name, digest(&bytes));
        assert_eq!(send(right).await.status(), StatusCode::CREATED);
        let id = fresh_id();
        let wrong = fixture.upload(&id, bytes.clone()).header(name, digest(b"something else"));
        crate::files::fixture::rejected(wrong, 400, "digest mismatch").await;
        assert_eq!(fixture.get(&id).await.status(), StatusCode::NOT_FOUND);
    }
}

/// The id in the path may be written in every form; the object, the event and the tag have one (http §1).
#[tokio::test]
async fn forms_of_ids_name_the_same_file() {
    let fixture = Fixture::new().await;
    let (id, bytes) = (fresh_id(), content(10, 1));
    let space = fixture.space.replace('-', "").to_uppercase();
    let request = fixture
        .bare(Method::PUT, &space, &id.to_uppercase())
        .bearer_auth(fixture.server.token("alice"))
        .header("X-Record-ID", record().to_uppercase().replace('-', ""))
        .header("X-Wrapped-DEK", dek(7))
        .body(bytes.clone());
    assert_eq!(send(request).await.status(), StatusCode::CREATED);
    for id in [id.clone(), id.replace('-', ""), id.to_uppercase()] {
        assert_eq!(body(fixture.get(&id).await).await, bytes);
    }
}

/// The file survives a restart, and its object has the key of the scheme (storage §4.1).
#[tokio::test]
async fn files_survive_a_restart() {
    let fixture = Fixture::new().await;
    let bytes = content(100_000, 1);
    let id = fixture.stored(&bytes).await;
    let objects = fixture.objects();
    assert_eq!(objects.len(), 1);
    assert!(objects[0].starts_with(&format!("{id}.")), "{objects:?}");
    let fixture = Box::pin(fixture.restart()).await;
    assert_eq!(body(fixture.get(&id).await).await, bytes);
}
