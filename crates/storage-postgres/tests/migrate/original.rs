//! A database that the original filled, migrated: what is mended, and that nothing else changes (storage §2.4 row 19,
//! §13 S11, S28).

use crate::fixture::Fixture;

const ROWS: &str = include_str!("data/version_12.sql");

/// All that version 12 has and no migration may change; `updated_at` follows every change of a space.
const KEPT: [&str; 8] = [
    "SELECT concat_ws('|', id, client_id, root_public_key, key_generation, min_key_generation, metadata_version,
                      created_at, rewrap_epoch, home_server) FROM spaces ORDER BY 1",
    "SELECT concat_ws('|', id, space_id, cursor, deleted) FROM records ORDER BY 1",
    "SELECT concat_ws('|', id, blob, wrapped_dek) FROM records WHERE NOT deleted ORDER BY 1",
    "SELECT concat_ws('|', space_id, chain_seq, prev_hash, entry_hash, payload) FROM members ORDER BY 1",
    "SELECT concat_ws('|', space_id, id, size, wrapped_dek, record_id, deleted) FROM files ORDER BY 1",
    "SELECT concat_ws('|', space_id, ucan_cid) FROM revocations ORDER BY 1",
    "SELECT concat_ws('|', id, mailbox_id, payload, created_at, expires_at) FROM invitations ORDER BY 1",
    "SELECT concat_ws('|', kid, private_key, public_key, created_at, is_active, is_primary, deactivated_at)
     FROM federation_signing_keys ORDER BY 1",
];

const MEMBERS: &str = "SELECT concat(right(space_id::text, 1), ' ', chain_seq, ' ', cursor)
    FROM members ORDER BY space_id, chain_seq";
const FILES: &str = "SELECT concat(right(space_id::text, 1), ' ', right(id::text, 1), ' ', cursor)
    FROM files ORDER BY space_id, id";
const SPACES: &str =
    "SELECT concat(right(id::text, 1), ' ', cursor, ' ', members_bytes) FROM spaces ORDER BY id";

async fn filled() -> Fixture {
    let mut fixture = Fixture::original().await;
    fixture.execute(ROWS).await;
    fixture
}

async fn kept(fixture: &mut Fixture) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for query in KEPT {
        rows.push(fixture.texts(query).await);
    }
    assert!(rows.iter().all(|rows| !rows.is_empty()), "every kind of row is there");
    rows
}

#[tokio::test]
async fn rows_of_the_original_are_kept() {
    let mut fixture = filled().await;
    let before = kept(&mut fixture).await;
    fixture.up_to_date().await;
    assert_eq!(kept(&mut fixture).await, before);
    assert_eq!(fixture.text("SELECT count(DISTINCT id)::text FROM rate_limit_actions").await, "2");
}

/// S28: members and files that version 10 hid come back, in the order of the chain, members first.
#[tokio::test]
async fn hidden_rows_get_cursors_above_everything_handed_out() {
    let mut fixture = filled().await;
    fixture.up_to_date().await;
    assert_eq!(fixture.texts(MEMBERS).await, ["2 1 41", "2 2 42", "2 3 7", "4 1 1"]);
    assert_eq!(fixture.texts(FILES).await, ["2 1 43", "2 2 44", "2 3 5", "2 4 40", "4 5 2"]);
}

/// Invariants P1 and P3 (storage §5), and the sum that the cap of the log is checked against (storage §1.3).
#[tokio::test]
async fn spaces_follow_what_was_handed_out_and_know_the_size_of_their_log() {
    let mut fixture = filled().await;
    fixture.up_to_date().await;
    assert_eq!(fixture.texts(SPACES).await, ["1 3 0", "2 44 388", "3 0 0", "4 2 129"]);
}

/// Rows of every kind, and the counts that a recount gives (storage §3.20).
#[tokio::test]
async fn stored_bytes_of_existing_spaces_are_counted() {
    let mut fixture = filled().await;
    fixture.up_to_date().await;
    let counted = "SELECT concat(right(id::text, 1), ' ', stored_bytes, ' ', counted_cursor = cursor)
                   FROM spaces ORDER BY id";
    assert_eq!(fixture.texts(counted).await, ["1 385 t", "2 1133 t", "3 0 t", "4 351 t"]);
}

/// Storage §3.11: a rewrap that is pending already has the time of the last change of its space. Writes of an older server,
/// which does not name the column, begin and end a rewrap as those of this one do.
#[tokio::test]
async fn pending_rewraps_are_dated_under_every_server() {
    let mut fixture = Fixture::at(29).await;
    fixture
        .execute(
            "INSERT INTO spaces (id, client_id, key_generation, rewrap_epoch, updated_at)
             VALUES (md5('1')::uuid, 'pending', 2, 2, '2020-02-03'), (md5('2')::uuid, 'idle', 2, NULL, '2020-02-03')",
        )
        .await;
    fixture.up_to_date().await;
    let since = "SELECT concat(client_id, ' ', coalesce(
                     CASE WHEN rewrap_since > now() - interval '1 hour' THEN 'now' ELSE rewrap_since::date::text END, 'never'))
                 FROM spaces ORDER BY 1";
    assert_eq!(fixture.texts(since).await, ["idle never", "pending 2020-02-03"]);
    fixture
        .execute("UPDATE spaces SET cursor = 1, min_key_generation = 2, rewrap_epoch = rewrap_epoch")
        .await;
    assert_eq!(fixture.texts(since).await, ["idle never", "pending 2020-02-03"]);
    fixture.execute("UPDATE spaces SET rewrap_epoch = CASE WHEN rewrap_epoch IS NULL THEN 2 END").await;
    assert_eq!(fixture.texts(since).await, ["idle now", "pending never"]);
}

/// S11.
#[tokio::test]
async fn tombstones_keep_neither_key_nor_content() {
    let mut fixture = filled().await;
    fixture.up_to_date().await;
    let tombstones = fixture
        .texts("SELECT concat(blob IS NULL, ' ', wrapped_dek IS NULL) FROM records WHERE deleted")
        .await;
    assert_eq!(tombstones, ["t t", "t t", "t t"]);
}

/// The way back to the original, and forth again, with rows of every kind (storage §2.3, §2.4).
#[tokio::test]
async fn rows_survive_the_way_back_to_the_original_and_forth() {
    let mut fixture = filled().await;
    fixture.up_to_date().await;
    let (before, members, files) =
        (kept(&mut fixture).await, fixture.texts(MEMBERS).await, fixture.texts(FILES).await);
    fixture.down_to(12, false).await.unwrap();
    assert_eq!(kept(&mut fixture).await, before);
    assert_eq!(fixture.migrator().status().await.unwrap().drift, None);
    fixture.up_to_date().await;
    assert_eq!(kept(&mut fixture).await, before);
    assert_eq!((fixture.texts(MEMBERS).await, fixture.texts(FILES).await), (members, files));
    assert_eq!(fixture.texts(SPACES).await, ["1 3 0", "2 44 388", "3 0 0", "4 2 129"]);
}
