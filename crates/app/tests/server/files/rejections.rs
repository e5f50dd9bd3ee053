//! Rejected requests: each with its status and its message (http §7.2).

use http::{Method, StatusCode};
use less_sync_test_support::{TestServer, TestServerBuilder, create, delete};

use crate::files::fixture::{Fixture, content, dek, fresh_id, record, rejected, send};

const METHODS: [Method; 4] = [Method::PUT, Method::GET, Method::HEAD, Method::DELETE];

/// http §13 "no blob storage: file route is 404 with a valid token".
#[tokio::test]
async fn server_without_a_store_has_no_files() {
    let fixture = Fixture::on(TestServer::start().await).await;
    let id = fresh_id();
    rejected(fixture.upload(&id, "x"), 404, "not found").await;
    rejected(fixture.ask(Method::GET, &id), 404, "not found").await;
    rejected(fixture.bare(Method::GET, &fixture.space, &id), 401, "missing authorization").await;
}

/// http §13 "upload without files scope 403", "download without scope 403", "head without scope 403"; before anything
/// else is looked at.
#[tokio::test]
async fn token_needs_the_files_scope() {
    let fixture = Fixture::new().await;
    let narrow = fixture.server.issuer().mint(&fixture.server.issuer().claims("alice").scope("sync"));
    for method in METHODS {
        let request = fixture.bare(method.clone(), "nonsense", "nonsense").bearer_auth(&narrow);
        if method == Method::HEAD {
            assert_eq!(send(request).await.status(), StatusCode::FORBIDDEN);
        } else {
            rejected(request, 403, "files scope required").await;
        }
    }
    let tab = fixture.server.issuer().mint(&fixture.server.issuer().claims("alice").scope("sync\tfiles"));
    let request = fixture.bare(Method::GET, &fixture.space, &fresh_id()).bearer_auth(tab);
    rejected(request, 404, "file not found").await;
}

/// http §13 "malformed file id 400 (GET)", "malformed file id 400 (HEAD)".
#[tokio::test]
async fn ids_must_be_ids() {
    let fixture = Fixture::new().await;
    let (token, good) = (fixture.server.token("alice"), fresh_id());
    let ask = |method: Method, space: &str, id: &str| fixture.bare(method, space, id).bearer_auth(&token);
    for method in [Method::PUT, Method::GET, Method::DELETE] {
        rejected(ask(method.clone(), "x", &good), 400, "invalid space ID").await;
        rejected(ask(method.clone(), &fixture.space, "x"), 400, "invalid file ID").await;
        rejected(ask(method.clone(), "x", "x"), 400, "invalid space ID").await;
        rejected(ask(method, &fixture.space, &format!("{{{good}}}")), 400, "invalid file ID").await;
    }
    assert_eq!(send(ask(Method::HEAD, &fixture.space, "x")).await.status(), StatusCode::BAD_REQUEST);
}

/// http §13 "other user's personal space: 404", W11: for all claims of the token.
#[tokio::test]
async fn personal_spaces_of_others_are_not_found() {
    let fixture = Fixture::new().await;
    let id = fixture.stored(&content(10, 1)).await;
    fixture.server.raw("bob").await.push_ok(&fixture.server.space("bob"), &[create(1, "of bob")]).await;
    let bob = fixture.server.token("bob");
    let ask = |method: Method| fixture.bare(method, &fixture.space, &id).bearer_auth(&bob);
    rejected(ask(Method::GET), 404, "file not found").await;
    assert_eq!(send(ask(Method::HEAD)).await.status(), StatusCode::NOT_FOUND);
    rejected(ask(Method::DELETE), 404, "space not found").await;
    let upload = ask(Method::PUT).header("X-Record-ID", record()).header("X-Wrapped-DEK", dek(7)).body("x");
    rejected(upload, 404, "space not found").await;
}

/// W10: reads never create a space (row 5b); writes do.
#[tokio::test]
async fn only_writing_creates_a_personal_space() {
    let fixture = Fixture::with(TestServerBuilder::embedded).await;
    let (token, space) = (fixture.server.token("carol"), fixture.server.space("carol"));
    let spaces = || {
        let db = rusqlite::Connection::open(fixture.server.folder().join("less-sync.db")).unwrap();
        db.query_row("SELECT count(*) FROM spaces", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    rejected(fixture.bare(Method::GET, &space, &fresh_id()).bearer_auth(&token), 404, "file not found").await;
    assert_eq!(spaces(), 1);
    let upload = fixture.bare(Method::PUT, &space, &fresh_id()).bearer_auth(&token);
    let upload = upload.header("X-Record-ID", record()).header("X-Wrapped-DEK", dek(7)).body("x");
    rejected(upload, 400, "record not found in this space").await;
    assert_eq!(spaces(), 2);
}

/// http §7.2 rows 10 to 14, http §13 "missing DEK header 400", "no Content-Length 411".
#[tokio::test]
async fn heads_of_uploads_are_checked_in_order() {
    let fixture = Fixture::new().await;
    let put = || fixture.ask(Method::PUT, &fresh_id());
    rejected(put().body("x"), 400, "X-Record-ID header required").await;
    let put = || put().header("X-Record-ID", record());
    rejected(put().body("x"), 400, "X-Wrapped-DEK header required").await;
    rejected(
        put().header("X-Wrapped-DEK", "AAAA").body("x"),
        400,
        "X-Wrapped-DEK must decode to exactly 44 bytes",
    )
    .await;
    let put = || put().header("X-Wrapped-DEK", dek(7));
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("x")]);
    rejected(put().body(reqwest::Body::wrap_stream(chunks)), 411, "Content-Length required").await;
    rejected(put().header("Content-Encoding", "gzip").body("x"), 415, "Content-Encoding is not supported")
        .await;
}

/// http §13 "unknown owner record 400", W20.
#[tokio::test]
async fn owner_must_be_a_live_record() {
    let mut fixture = Fixture::new().await;
    let unknown = fixture.ask(Method::PUT, &fresh_id()).header("X-Wrapped-DEK", dek(7));
    let unknown = unknown.header("X-Record-ID", fresh_id()).body("x");
    rejected(unknown, 400, "record not found in this space").await;
    fixture.alice.push_ok(&fixture.space.clone(), &[delete(1, 1)]).await;
    rejected(fixture.upload(&fresh_id(), "x"), 400, "record not found in this space").await;
    assert_eq!(fixture.objects(), Vec::<String>::new());
}

/// http §1: unsupported methods and unknown paths.
#[tokio::test]
async fn other_methods_and_paths_are_rejected() {
    let fixture = Fixture::new().await;
    let response = send(fixture.ask(Method::POST, &fresh_id())).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    let allowed = response.headers()["allow"].to_str().unwrap();
    for method in METHODS {
        assert!(allowed.contains(method.as_str()), "{allowed}");
    }
    for path in [format!("{}/", fresh_id()), format!("a%2f{}", fresh_id())] {
        rejected(fixture.ask(Method::GET, &path), 404, "not found").await;
    }
}
