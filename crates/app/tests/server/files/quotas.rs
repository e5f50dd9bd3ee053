//! Quotas of stored bytes for uploads (http §7.2 check 17a, storage §3.20).

use bytes::Bytes;
use http::StatusCode;
use less_sync_test_support::create;

use crate::files::fixture::{Fixture, content, fresh_id, rejected, send};

const MIB: usize = 1024 * 1024;

async fn limited() -> Fixture {
    Fixture::with(|server| server.setting("MAX_SPACE_BYTES", "1 MiB")).await
}

#[tokio::test]
async fn upload_beyond_the_quota_is_rejected_and_deletion_makes_room() {
    let mut fixture = limited().await;
    rejected(fixture.upload(&fresh_id(), content(MIB, 1)), 507, "quota exceeded").await;
    assert_eq!(fixture.objects(), Vec::<String>::new());
    // The record of the fixture, the row of the file and its key.
    let most = MIB - (128 + "owner".len()) - 128 - 44;
    let id = fixture.stored(&content(most, 2)).await;
    rejected(fixture.upload(&fresh_id(), Bytes::new()), 507, "quota exceeded").await;
    let pushed = fixture.alice.push(&fixture.space, &[create(2, "")]).await;
    assert_eq!(pushed["error"], "payload_too_large");
    assert_eq!(send(fixture.upload(&id, content(most, 2))).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(send(fixture.ask(http::Method::DELETE, &id)).await.status(), StatusCode::NO_CONTENT);
    fixture.stored(&content(most - 128, 3)).await;
}

/// Both uploads fit when they begin; the second one to end does not, and its object is removed.
#[tokio::test]
async fn second_upload_into_the_same_room_is_rejected() {
    let fixture = limited().await;
    let bytes = content(600_000, 4);
    let (first_id, second_id) = (fresh_id(), fresh_id());
    let (left, right) = (fixture.upload(&first_id, bytes.clone()), fixture.upload(&second_id, bytes));
    let (left, right) = tokio::join!(send(left), send(right));
    let mut statuses = [left.status(), right.status()];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::CREATED, StatusCode::INSUFFICIENT_STORAGE]);
}
