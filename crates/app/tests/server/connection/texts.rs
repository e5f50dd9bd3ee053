//! Texts of params, claims and paths: a NUL or an excessive length is rejected where it enters, on every store
//! (auth §2.3, protocol §4).

mod error_log;
mod methods;

use less_sync_core::wire::method::{Kind, Method};
use less_sync_test_support::{Claims, RawClient, SharedSpace, TestServer, Upgrade, create, random_space};
use serde_json::{Value, json};

use error_log::ErrorLog;
use methods::{Params, replaced, texts};

/// Texts that no store and no map may get: one with a NUL, and one that is too long.
fn wrong() -> [String; 2] {
    ["nul\0".to_owned(), "l".repeat(140_000)]
}

#[tokio::test]
async fn wrong_texts_of_every_method_are_rejected_with_sqlite() {
    wrong_texts_of_every_method_are_rejected(TestServer::builder().embedded().start().await).await;
}

#[tokio::test]
async fn wrong_texts_of_every_method_are_rejected_with_postgres() {
    wrong_texts_of_every_method_are_rejected(TestServer::builder().postgres().start().await).await;
}

/// A wrong text in one field of each request, the others being valid.
async fn wrong_texts_of_every_method_are_rejected(server: TestServer) {
    let errors = ErrorLog::start();
    let space = SharedSpace::create(&server).await;
    let mailbox = "5e".repeat(32);
    let claims = server.issuer().claims("owner").with("did", space.owner().did()).mailbox(&mailbox);
    let mut owner = server.raw_with_token(&server.issuer().mint(&claims)).await;
    let mut bystander = Bystander::connect(&server).await;
    let params = Params::new(&space, &mailbox, server.issuer().mint(&claims));
    let of_clients = |method: &&Method| method.row().served.to_clients() && **method != Method::Auth;
    for method in Method::ALL.iter().filter(of_clients) {
        let name = method.row().name;
        for (path, outcomes) in texts(*method) {
            for (text, expected) in wrong().iter().zip(outcomes) {
                let wrong = replaced(params.of(*method), path, text);
                let context = format!("{name} {path}, {} bytes", text.len());
                if matches!(method.row().kind, Kind::Notification) {
                    owner.notify(name, &wrong).await;
                    owner.assert_alive().await;
                } else {
                    let (chunks, response) = owner.call_with_chunks(name, &wrong).await;
                    assert_eq!(outcome(&chunks, &response), expected, "{context}: {response}");
                }
                bystander.push().await;
            }
        }
    }
    assert_eq!(
        owner.call("membership.list", &params.of(Method::MembershipList)).await["result"]["entries"],
        json!([])
    );
    assert_eq!(errors.count(), 0);
}

/// Code of a response: in its error, its result, or for its only space; `ok` without one, `skipped` for a space without
/// chunks.
fn outcome(chunks: &[Value], response: &Value) -> String {
    let result = &response["result"];
    let codes = [&response["error"]["code"], &result["error"], &result["errors"][0]["error"]];
    match codes.iter().find_map(|code| code.as_str()) {
        Some(code) => code.to_owned(),
        None if result["_chunks"] == 0 && chunks.is_empty() && result.get("deks").is_none() => {
            "skipped".to_owned()
        }
        None => "ok".to_owned(),
    }
}

#[tokio::test]
async fn wrong_claims_are_rejected_with_sqlite() {
    wrong_claims_are_rejected(TestServer::builder().embedded().start().await).await;
}

#[tokio::test]
async fn wrong_claims_are_rejected_with_postgres() {
    wrong_claims_are_rejected(TestServer::builder().postgres().start().await).await;
}

/// A token with a wrong text in any claim, whose connection would read and write.
async fn wrong_claims_are_rejected(server: TestServer) {
    let errors = ErrorLog::start();
    let mut bystander = Bystander::connect(&server).await;
    for claim in ["sub", "client_id", "did", "mailbox_id", "personal_space_id", "jti"] {
        for text in ["nul\0".to_owned(), "l".repeat(256)] {
            expect_invalid(&server, &server.issuer().claims("mallory").with(claim, text.as_str())).await;
            bystander.push().await;
        }
    }
    for claim in ["scope", "aud"] {
        expect_invalid(&server, &server.issuer().claims("mallory").with(claim, "sync\0")).await;
    }
    let issuer = server.issuer().claims("mallory").with("iss", format!("{}\0", server.issuer().url()));
    assert_eq!(close_of(&server, &issuer).await, (4000, "untrusted auth issuer".to_owned()));
    // The longest identity that is valid has a personal space, mailbox and chain like any other.
    let (longest, did) = ("i".repeat(255), "d".repeat(255));
    let claims = server.issuer().claims(&longest).client(&longest).with("did", did.as_str());
    let claims = claims.with("jti", longest.as_str());
    let mut client = server.raw_with_token(&server.issuer().mint(&claims)).await;
    let found = client.call("invitation.list", &json!({})).await;
    assert_eq!(found["result"]["invitations"], json!([]));
    bystander.push().await;
    assert_eq!(errors.count(), 0);
}

async fn expect_invalid(server: &TestServer, claims: &Claims) {
    assert_eq!(close_of(server, claims).await, (4000, "invalid auth token".to_owned()), "{claims:?}");
    let token = server.issuer().mint(claims);
    let path = format!("/api/v1/spaces/{0}/files/{0}", random_space());
    let request = Upgrade::plain_get(&path).header("Authorization", &format!("Bearer {token}"));
    assert_eq!(request.response(server.address()).await.status, 401, "{claims:?}");
}

async fn close_of(server: &TestServer, claims: &Claims) -> (u16, String) {
    let mut client = RawClient::connect(server.address()).await;
    client.authenticate(&server.issuer().mint(claims)).await;
    client.receive_close().await
}

#[tokio::test]
async fn wrong_texts_in_paths_and_headers_are_rejected_with_postgres() {
    let server = TestServer::builder().postgres().files().start().await;
    let errors = ErrorLog::start();
    let token = format!("Bearer {}", server.token("alice"));
    let (space, file, long) = (server.space("alice"), random_space().to_string(), "l".repeat(4000));
    let path = |space: &str, file: &str| format!("/api/v1/spaces/{space}/files/{file}");
    let get = |target: &str| Upgrade::plain_get(target).header("Authorization", &token);
    for (request, status) in [
        (get(&path("nul%00", &file)), 400),
        (get(&path(&long, &file)), 400),
        (get(&path(&space, "nul%00")), 400),
        (get(&path(&space, &long)), 400),
        (get(&format!("{}?query=nul%00{long}", path(&space, &file))), 404),
        (get(&path(&random_space().to_string(), &file)).header("X-UCAN", &long), 404),
        (get(&path(&space, &file)).header("X-Request-ID", &long), 404),
        (get(&path(&space, &file)).header("If-None-Match", &long), 404),
        (get(&path(&space, &file)).header("Range", &long), 404),
        (get(&path(&space, &file)).method("PUT").header("X-Record-ID", &long), 400),
    ] {
        assert_eq!(request.response(server.address()).await.status, status, "{request:?}");
    }
    assert_eq!(errors.count(), 0);
}

/// Another user, whose pushes all succeed.
struct Bystander {
    client: RawClient,
    space: String,
    pushes: u128,
}

impl Bystander {
    async fn connect(server: &TestServer) -> Self {
        Self { client: server.raw("bystander").await, space: server.space("bystander"), pushes: 0 }
    }

    async fn push(&mut self) {
        self.pushes += 1;
        self.client.push_ok(&self.space, &[create(self.pushes, "record")]).await;
    }
}
