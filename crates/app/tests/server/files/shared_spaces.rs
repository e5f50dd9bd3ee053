//! Files of shared spaces: chains in `X-UCAN` (http §7.2 rows 6 to 8, auth §18.6).

use http::{Method, StatusCode};
use less_sync_core::Permission;
use less_sync_test_support::{Member, SharedSpace, create};
use reqwest::RequestBuilder;
use serde_json::json;

use crate::files::fixture::{Fixture, body, content, dek, dek_of, fresh_id, record, rejected, send};

/// A shared space with record 1.
async fn shared(fixture: &Fixture) -> SharedSpace<'_> {
    let space = SharedSpace::create(&fixture.server).await;
    let mut owner = space.owner_client().await;
    let pushed = owner.push_with(&space.text(), space.root(), &[create(1, "owner")]).await;
    assert_eq!(pushed["ok"], true, "{pushed}");
    space
}

/// A request of `member` with this chain.
fn ask(
    fixture: &Fixture,
    method: Method,
    space: &SharedSpace<'_>,
    id: &str,
    member: &Member,
    ucan: &str,
) -> RequestBuilder {
    let token = fixture.server.token_as("somebody", member);
    let request = fixture.bare(method, &space.text(), id).bearer_auth(token);
    if ucan.is_empty() { request } else { request.header("X-UCAN", ucan) }
}

fn upload(request: RequestBuilder, bytes: &[u8]) -> RequestBuilder {
    request.header("X-Record-ID", record()).header("X-Wrapped-DEK", dek(7)).body(bytes.to_vec())
}

/// http §13 "shared space with proper UCANs", "delegated UCAN".
#[tokio::test]
async fn members_share_files() {
    let fixture = Fixture::new().await;
    let space = shared(&fixture).await;
    let (writer, reader, bytes) = (Member::random(), Member::random(), content(1000, 1));
    let (may_write, may_read) =
        (space.invite(&writer, Permission::Write), space.invite(&reader, Permission::Read));
    for (member, chain) in [(space.owner(), space.root()), (&writer, may_write.as_str())] {
        let id = fresh_id();
        let put = ask(&fixture, Method::PUT, &space, &id, member, chain);
        assert_eq!(send(upload(put, &bytes)).await.status(), StatusCode::CREATED);
        for (member, chain) in [(space.owner(), space.root()), (&writer, &may_write), (&reader, &may_read)] {
            let got = send(ask(&fixture, Method::GET, &space, &id, member, chain)).await;
            assert_eq!(body(got).await, bytes);
            let head = send(ask(&fixture, Method::HEAD, &space, &id, member, chain)).await;
            assert_eq!(head.status(), StatusCode::OK);
        }
        let deleted = send(ask(&fixture, Method::DELETE, &space, &id, &writer, &may_write)).await;
        assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    }
}

/// http §13 "shared space, no UCAN: 401", "garbage UCAN: 403",
/// http §13 "read UCAN on upload: 403".
#[tokio::test]
async fn chain_must_permit_the_request() {
    let fixture = Fixture::new().await;
    let space = shared(&fixture).await;
    let (reader, id) = (Member::random(), fresh_id());
    let may_read = space.invite(&reader, Permission::Read);
    let stranger = Member::random();
    let reject = async |method: Method, member: &Member, ucan: &str, status: u16, error: &str| {
        let request = ask(&fixture, method.clone(), &space, &id, member, ucan);
        rejected(if method == Method::PUT { upload(request, b"x") } else { request }, status, error).await;
    };
    for method in [Method::PUT, Method::GET, Method::DELETE] {
        reject(method.clone(), space.owner(), "", 401, "authorization required").await;
        reject(method.clone(), space.owner(), "garbage", 403, "access denied").await;
        // A chain for another member.
        reject(method.clone(), &stranger, space.root(), 403, "access denied").await;
        // A token without a DID has no chain.
        let request =
            fixture.bare(method.clone(), &space.text(), &id).bearer_auth(fixture.server.token("owner"));
        rejected(request.header("X-UCAN", space.root()), 401, "authorization required").await;
    }
    reject(Method::PUT, &reader, &may_read, 403, "access denied").await;
    reject(Method::DELETE, &reader, &may_read, 403, "access denied").await;
    reject(Method::GET, &reader, &may_read, 404, "file not found").await;
}

/// http §13 "revoked UCAN: 403", "revoked proof inside the chain: 403":
/// on the very next request.
#[tokio::test]
async fn revoked_chain_is_rejected() {
    let fixture = Fixture::new().await;
    let space = shared(&fixture).await;
    let (writer, guest) = (Member::random(), Member::random());
    let may_write = space.invite(&writer, Permission::Write);
    let of_guest = writer.ucan(space.id()).to(&guest).permission(Permission::Write).proof(&may_write).sign();
    let id = fresh_id();
    let put = || upload(ask(&fixture, Method::PUT, &space, &id, &guest, &of_guest), b"bytes");
    assert_eq!(send(put()).await.status(), StatusCode::CREATED);
    space.revoke(&mut space.owner_client().await, &may_write).await;
    for (member, chain) in [(&writer, &may_write), (&guest, &of_guest)] {
        for method in [Method::GET, Method::DELETE] {
            rejected(ask(&fixture, method, &space, &id, member, chain), 403, "access denied").await;
        }
        let request = ask(&fixture, Method::PUT, &space, &fresh_id(), member, chain);
        rejected(upload(request, b"x"), 403, "access denied").await;
    }
}

/// Rows 6 and 8: an unknown space is 404 without a chain.
#[tokio::test]
async fn unknown_spaces_are_not_found() {
    let fixture = Fixture::new().await;
    let (token, unknown) = (fixture.server.token("alice"), fresh_id());
    let ask = |method| fixture.bare(method, &unknown, &fresh_id()).bearer_auth(&token);
    rejected(ask(Method::GET), 404, "file not found").await;
    rejected(upload(ask(Method::PUT), b"x"), 404, "space not found").await;
    rejected(ask(Method::DELETE), 404, "space not found").await;
}

/// Row 17: after the removal of a member, uploads under an old key are rejected.
#[tokio::test]
async fn key_older_than_the_space_accepts_is_stale() {
    let fixture = Fixture::new().await;
    let space = shared(&fixture).await;
    let mut owner = space.owner_client().await;
    let params =
        json!({ "space": space.text(), "ucan": space.root(), "epoch": 2, "set_min_key_generation": true });
    let begun = owner.call("epoch.begin", &params).await;
    assert_eq!(begun["result"]["epoch"], 2, "{begun}");
    let id = fresh_id();
    let put = || ask(&fixture, Method::PUT, &space, &id, space.owner(), space.root());
    rejected(upload(put(), b"x"), 409, "key generation stale").await;
    let request = put().header("X-Record-ID", record()).header("X-Wrapped-DEK", dek_of(2, 7)).body("x");
    assert_eq!(send(request).await.status(), StatusCode::CREATED);
}
