//! Development mode: no configuration, an issuer of its own.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use http::StatusCode;
use less_sync_app::{Config, Overrides, Server, Sources, Values};
use less_sync_auth::KeySet;
use less_sync_test_support::{TestServer, Upgrade};
use serde_json::{Value, json};

use crate::operation::fixture::{HttpResponse, ask, http, url};

async fn start(directory: &Path, environment: &[(&str, &str)]) -> Server {
    start_with(directory, environment, Overrides::default()).await
}

/// A development server on a free port.
pub(crate) async fn start_with(
    directory: &Path,
    environment: &[(&str, &str)],
    overrides: Overrides,
) -> Server {
    let mut sources = Sources::from_environment(Values::from([("LISTEN_ADDR".into(), "127.0.0.1:0".into())]));
    sources.environment.extend(environment.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    sources.set_development(directory);
    Server::start(Config::read(&sources).unwrap(), overrides).await.unwrap()
}

async fn token(server: &Server, body: &Value) -> HttpResponse {
    ask(http().post(url(server, "/dev/token")).body(body.to_string())).await
}

async fn key_set(server: &Server) -> Value {
    ask(http().get(url(server, "/dev/.well-known/jwks.json"))).await.body
}

/// True if the server accepts the token: an unknown path is 404 with a valid token, and 401 without.
async fn accepts(server: &Server, token: &str) -> bool {
    let response = ask(http().get(url(server, "/api/v1/unknown")).bearer_auth(token)).await;
    assert!(matches!(response.status, StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED), "{response:?}");
    response.status == StatusCode::NOT_FOUND
}

#[tokio::test]
async fn token_request_without_parameters_succeeds() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path(), &[]).await;
    let granted = ask(http().post(url(&server, "/dev/token"))).await;
    assert_eq!(granted.status, StatusCode::OK);
    assert_eq!(granted.headers["cache-control"], "no-store");
    assert!(accepts(&server, granted.body["token"].as_str().unwrap()).await);
    assert_eq!(granted.body["personal_space"].as_str().unwrap().len(), 36);
    assert!(granted.body["expires_at"].is_i64());
}

#[tokio::test]
async fn users_and_clients_have_personal_spaces_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path(), &[("AUDIENCES", "less-sync")]).await;
    let space = async |wish: Value| {
        let granted = token(&server, &wish).await;
        assert!(accepts(&server, granted.body["token"].as_str().unwrap()).await, "{wish}");
        granted.body["personal_space"].clone()
    };
    let alice = space(json!({ "user": "alice" })).await;
    assert_eq!(space(json!({ "user": "alice", "scope": "sync", "ttl": 60 })).await, alice);
    assert_ne!(space(json!({ "user": "bob" })).await, alice);
    assert_ne!(space(json!({ "user": "alice", "client": "notes" })).await, alice);
}

#[tokio::test]
async fn requests_for_tokens_that_the_server_would_reject_fail() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path(), &[("JWT_MAX_LIFETIME_SECONDS", "600")]).await;
    let eternal = token(&server, &json!({ "ttl": u64::MAX })).await;
    assert!(accepts(&server, eternal.body["token"].as_str().unwrap()).await);
    for wish in [json!({ "user": "" }), json!({ "user": "a\0b" }), json!({ "client": "c".repeat(257) })] {
        let rejected = token(&server, &wish).await;
        assert_eq!(rejected.status, StatusCode::BAD_REQUEST);
        assert_eq!(rejected.body, json!({ "error": "user and client must be 1 to 255 bytes without NUL" }));
    }
    for wish in [json!([]), json!({ "usr": "typo" }), json!({ "ttl": -1 }), json!("alice")] {
        let rejected = token(&server, &wish).await;
        assert_eq!(rejected.status, StatusCode::BAD_REQUEST, "{wish}");
    }
    let huge = token(&server, &json!({ "user": "u".repeat(20_000) })).await;
    assert_eq!(huge.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(huge.body, json!({ "error": "payload too large" }));
}

/// Auth §1.1: the token contains the audience of chains and the mailbox of invitations.
#[tokio::test]
async fn a_token_contains_exactly_the_requested_identity_and_mailbox() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path(), &[]).await;
    let did = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169";
    let mailbox = "0508709e48d2b9898f850e221f2acc2f027ef7d215407705bc5bc472b495ba11";
    let granted = token(&server, &json!({ "did": did, "mailbox": mailbox })).await;
    let text = granted.body["token"].as_str().unwrap();
    assert!(accepts(&server, text).await);
    let claims = URL_SAFE_NO_PAD.decode(text.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!([&claims["did"], &claims["mailbox_id"]], [&json!(did), &json!(mailbox)]);
    for (wish, error) in [
        (json!({ "did": "did:web:example.com" }), "did must be the did:key of a P-256 key"),
        (json!({ "did": "" }), "did must be the did:key of a P-256 key"),
        (json!({ "mailbox": "AB" }), "mailbox must be 64 lowercase hexadecimal digits"),
    ] {
        let rejected = token(&server, &wish).await;
        assert_eq!((rejected.status, rejected.body), (StatusCode::BAD_REQUEST, json!({ "error": error })));
    }
}

/// Status of an upgrade to the WebSocket, and of a request for a token, with these headers.
async fn visit(server: &Server, headers: &[(&str, &str)]) -> [u16; 2] {
    let with = |upgrade: Upgrade, (name, value): &(&str, &str)| upgrade.without(name).header(name, value);
    let upgrade = headers.iter().fold(Upgrade::offering(&["less-rpc-v1"]), with);
    let token = http().post(url(server, "/dev/token"));
    let token = headers.iter().fold(token, |request, (name, value)| request.header(*name, *value));
    [upgrade.response(server.address()).await.status, ask(token).await.status.as_u16()]
}

/// Any page that is open in a browser on this machine could otherwise take a token and read everything.
#[tokio::test]
async fn pages_of_other_sites_get_neither_tokens_nor_sockets() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path(), &[]).await;
    let own = server.address().to_string();
    for foreign in ["https://example.com", "http://localhost.example.com", "null", "http://10.0.0.1:5379"] {
        assert_eq!(visit(&server, &[("Origin", foreign)]).await, [403, 403], "{foreign}");
    }
    for rebound in ["example.com", "example.com:5379", "10.0.0.1", "127.0.0.1.example.com"] {
        assert_eq!(visit(&server, &[("Host", rebound)]).await, [403, 403], "{rebound}");
    }
    let key_set = http().get(url(&server, "/dev/.well-known/jwks.json"));
    assert_eq!(ask(key_set.header("Origin", "https://example.com")).await.status, 403);
    for local in
        ["http://localhost:5173", "http://127.0.0.1:8080", "http://[::1]:3000", &format!("http://{own}")]
    {
        assert_eq!(visit(&server, &[("Origin", local)]).await, [101, 200], "{local}");
    }
    for local in ["localhost", "localhost:1", "[::1]:5379", &own] {
        assert_eq!(visit(&server, &[("Host", local)]).await, [101, 200], "{local}");
    }
    assert_eq!(visit(&server, &[]).await, [101, 200], "programs send no origin");
}

#[tokio::test]
async fn pages_of_listed_origins_are_let_in() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path(), &[("CORS_ALLOWED_ORIGINS", "https://app.test:8443")]).await;
    assert_eq!(visit(&server, &[("Origin", "https://app.test:8443")]).await, [101, 200]);
    assert_eq!(visit(&server, &[("Host", "app.test:8443")]).await, [101, 200]);
    assert_eq!(visit(&server, &[("Origin", "https://app.test")]).await, [403, 403]);
    assert_eq!(visit(&server, &[("Host", "other.test")]).await, [403, 403]);
}

/// In operation the server is meant for pages of any origin, which have no token unless their user gave them one.
#[tokio::test]
async fn an_ordinary_server_does_not_look_at_origin_and_host() {
    let server = TestServer::start().await;
    let upgrade = Upgrade::offering(&["less-rpc-v1"]).header("Origin", "https://example.com");
    let upgrade = upgrade.without("Host").header("Host", "example.com");
    assert_eq!(upgrade.response(server.address()).await.status, 101);
}

#[tokio::test]
async fn the_key_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = start(directory.path(), &[]).await;
    let first = key_set(&server).await;
    assert!(KeySet::parse(first.to_string().as_bytes()).is_ok());
    server.drain();
    server.stopped().await.unwrap();
    drop(server);
    let server = start(directory.path(), &[]).await;
    assert_eq!(key_set(&server).await, first);
}

#[tokio::test]
async fn server_without_development_mode_issues_no_tokens() {
    let fixture = crate::operation::fixture::Fixture::new().await;
    let response = ask(http().post(url(&fixture.server, "/dev/token"))).await;
    assert_eq!(response.status, StatusCode::NOT_FOUND);
}
