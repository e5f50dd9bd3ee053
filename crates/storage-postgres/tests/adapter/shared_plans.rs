//! Rows read by the statements of shared spaces, on tables of a hundred thousand rows (storage §7.1, §7.3), with custom and
//! with generic plans.
//!
//! The adapter itself runs them, and the statistics of the database tell by which indexes and how much of them: an index
//! that is not limited by the keys of the statement would show as the rows of everybody else, and a sort as the rows
//! beyond the page.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use less_sync_core::{Cid, Cursor, Dek, DekKind, Epoch, InvitationId, MailboxId, MetadataVersion, SpaceId};
use less_sync_storage::{
    ActorHash, AdminGrant, Change, DekId, DekListing, Deks as _, Epochs as _, Invitations as _,
    MailboxLimits, MailboxPage, MemberRange, Members as _, NewInvitation, ProofChain, Push, Pushed,
    RateAction, RateLimit, RateLimits as _, ReadGrant, RecordState, Records as _, Revocations as _, Rewrap,
    RewrapGuard, WriteGrant,
};
use less_sync_storage_postgres::PostgresStorage;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::harness::{Harness, LIMITS, await_sessions, cursor, execute, options};

pub(crate) const MODES: [&str; 2] = ["auto", "force_generic_plan"];

/// Space 1 is shared, and has 100 000 records, 20 000 files, 500 members and 100 000 revocations between those of
/// others. Mailboxes and actors have five rows each; a part of all of them has expired. Foreign keys would take most of
/// the time.
const FILL: &str = "
    ALTER TABLE files DROP CONSTRAINT files_record_fk, DROP CONSTRAINT files_space_id_fkey;
    ALTER TABLE records DROP CONSTRAINT records_space_id_fkey;
    ALTER TABLE members DROP CONSTRAINT members_space_id_fkey;
    ALTER TABLE revocations DROP CONSTRAINT revocations_space_id_fkey;
    UPDATE spaces SET root_public_key = decode(repeat('02', 33), 'hex'), cursor = 30000, key_generation = 2,
                      rewrap_epoch = 2
    WHERE id = '01010101-0101-0101-0101-010101010101';
    INSERT INTO records (space_id, id, cursor, blob, wrapped_dek)
        SELECT CASE WHEN n % 3 = 0 THEN md5('space ' || n % 20000)::uuid ELSE '01010101-0101-0101-0101-010101010101' END,
               md5('record ' || n)::uuid, n / 10 + 1, '\\x00112233', decode('00000002' || repeat('00', 40), 'hex')
        FROM generate_series(1, 150000) n;
    INSERT INTO files (space_id, id, size, wrapped_dek, record_id, cursor)
        SELECT space_id, md5('file ' || id::text)::uuid, 1, wrapped_dek, id, cursor
        FROM records WHERE cursor % 5 = 0;
    INSERT INTO members (space_id, chain_seq, entry_hash, payload, cursor)
        SELECT '01010101-0101-0101-0101-010101010101', n, sha256('x'), 'x', 20000 + n FROM generate_series(1, 500) n;
    INSERT INTO members (space_id, chain_seq, entry_hash, payload, cursor)
        SELECT md5('space ' || n)::uuid, 1, sha256('x'), 'x', 1 FROM generate_series(1, 20000) n;
    INSERT INTO revocations (space_id, ucan_cid)
        SELECT '01010101-0101-0101-0101-010101010101', 'cid ' || n FROM generate_series(1, 100000) n;
    INSERT INTO invitations (id, mailbox_id, payload, created_at, expires_at)
        SELECT md5('invitation ' || n)::uuid, repeat(md5('mailbox ' || n % 20000), 2), 'x',
               now() - n * interval '1 second', now() + (n - 10000) * interval '1 second'
        FROM generate_series(1, 100000) n;
    INSERT INTO rate_limit_actions (action, actor_hash, created_at)
        SELECT CASE WHEN n % 2 = 0 THEN 'invitation' ELSE 'space_create' END, repeat(md5('actor ' || n % 10000), 2),
               now() - n * interval '1 second'
        FROM generate_series(1, 100000) n;
    ANALYZE";

/// The rows above come from nowhere, so the invariants need not hold for them.
const EMPTY: &str = "
    TRUNCATE files, members, records, revocations, blob_uploads;
    UPDATE spaces SET cursor = 0, counted_cursor = 0, stored_bytes = 0, root_public_key = NULL WHERE cursor > 0";

/// Tables that every operation and every start of a server reads.
const EVERYBODY: [&str; 4] =
    ["spaces_pkey", "_sqlx_migrations_pkey", "_sqlx_migrations", "server_settings_pkey"];

/// Scans of a table or an index, and what they have read.
type Counts = BTreeMap<String, (i64, i64)>;

/// Everything that was read so far in the tables of the contract.
async fn counts(db: &mut PgConnection) -> Counts {
    let sql = "SELECT relname::text, seq_scan, seq_tup_read FROM pg_stat_user_tables
               UNION ALL
               SELECT indexrelname::text, idx_scan, idx_tup_read FROM pg_stat_user_indexes";
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(sql).fetch_all(db).await.unwrap();
    rows.into_iter().map(|(name, scans, read)| (name, (scans, read))).collect()
}

/// A database that is full, and a way to see what is read in it.
pub(crate) struct Fixture {
    harness: Harness,
    pub(crate) db: PgConnection,
}

impl Fixture {
    pub(crate) async fn new(mode: &str) -> Self {
        let harness = Harness::new(|options| options).await;
        let mut db = harness.connect().await;
        execute(&mut db, FILL).await;
        harness.storage.close().await;
        let sql = format!("ALTER DATABASE {} SET plan_cache_mode = {mode}", harness.database.name());
        sqlx::query(AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
        Self { harness, db }
    }

    /// Rows that `act` reads from each index and table, except for the row of its space. Sessions report their statistics
    /// when they end, so `act` gets sessions of its own.
    pub(crate) async fn reads(&mut self, act: impl AsyncFnOnce(&PostgresStorage)) -> BTreeMap<String, i64> {
        await_sessions(&mut self.db, "true", 0).await;
        let before = counts(&mut self.db).await;
        let storage = PostgresStorage::open(options(&self.harness.database)).await.unwrap();
        act(&storage).await;
        storage.close().await;
        await_sessions(&mut self.db, "true", 0).await;
        let after = counts(&mut self.db).await;
        let mut read = BTreeMap::new();
        for (name, (scans, rows)) in after {
            let (scans_before, rows_before) = before.get(&name).copied().unwrap_or_default();
            if scans > scans_before && !EVERYBODY.contains(&&*name) {
                read.insert(name, rows - rows_before);
            }
        }
        read
    }

    pub(crate) async fn end(mut self) {
        execute(&mut self.db, EMPTY).await;
        self.harness.end().await;
    }
}

/// Exactly these indexes were used, none of them for more rows than that.
pub(crate) fn assert_reads(read: &BTreeMap<String, i64>, expected: &[(&str, i64)]) {
    let names: Vec<&str> = read.keys().map(String::as_str).collect();
    let mut allowed: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    allowed.sort_unstable();
    assert_eq!(names, allowed, "{read:?}");
    for (name, rows) in expected {
        assert!(read[*name] <= *rows, "{name} for more than {rows} rows: {read:?}");
    }
}

/// The one that is large.
pub(crate) const LARGE: SpaceId = SpaceId::from_bytes([1; 16]);

/// A chain of sixteen cids, none of which is revoked.
pub(crate) fn chain() -> ProofChain {
    let cids: Vec<Cid> = (0..16).map(|number| Cid::from_bytes([number; 32])).collect();
    ProofChain::new(&cids).unwrap()
}

pub(crate) fn reader() -> ReadGrant {
    ReadGrant::issue_shared(LARGE, chain())
}

/// A listing of all keys of `kind` above `since`.
fn listing(kind: DekKind, since: Cursor) -> DekListing {
    DekListing { kind, since, cursor: cursor(30_000), key_generation: Epoch::FIRST }
}

fn admin() -> AdminGrant {
    AdminGrant::issue_shared(LARGE, chain())
}

/// Rows without keys, between those of the large space, and a space that has had files. Keys of another length open nothing.
const KEYLESS: &str = "
    INSERT INTO records (space_id, id, cursor, blob, wrapped_dek, deleted)
        SELECT '01010101-0101-0101-0101-010101010101', md5('keyless ' || n)::uuid, n / 10 + 1, 'x',
               CASE WHEN n % 3 = 0 THEN 'short'::bytea END, n % 3 = 1
        FROM generate_series(1, 100000) n;
    INSERT INTO files (space_id, id, size, wrapped_dek, record_id, cursor, deleted)
        SELECT space, md5('dead ' || n)::uuid, 0, '', md5('record 1')::uuid, n / 10 + 1, true
        FROM generate_series(1, 50000) n, unnest(ARRAY['01010101-0101-0101-0101-010101010101',
                                                       '02020202-0202-0202-0202-020202020202']::uuid[]) AS space;
    ANALYZE";

/// "DEK page": as much as a page has, from any place, whatever lies between.
#[tokio::test]
async fn page_of_keys_reads_nothing_but_keys() {
    for mode in MODES {
        let mut fixture = Fixture::new(mode).await;
        execute(&mut fixture.db, KEYLESS).await;
        for at in [0, 7_000, 14_000] {
            let [record_keys, file_keys] =
                [DekKind::Record, DekKind::File].map(|kind| listing(kind, cursor(at)));
            let records = async |storage: &PostgresStorage| {
                let page = storage.deks(&reader(), &record_keys, record_keys.start()).await.unwrap();
                assert_eq!(page.deks.len(), 2000);
            };
            assert_reads(&fixture.reads(records).await, &[("idx_records_keys", 2001)]);
            let files = async |storage: &PostgresStorage| {
                let page = storage.deks(&reader(), &file_keys, file_keys.start()).await.unwrap();
                assert!(!page.deks.is_empty());
            };
            assert_reads(&fixture.reads(files).await, &[("idx_files_live", 2001)]);
        }
        let any = async |storage: &PostgresStorage| assert!(storage.has_files(&reader()).await.unwrap());
        assert_reads(&fixture.reads(any).await, &[("idx_files_live", 1), ("revocations_pkey", 0)]);
        let none = async |storage: &PostgresStorage| {
            let grant = ReadGrant::issue(SpaceId::from_bytes([2; 16]));
            assert!(!storage.has_files(&grant).await.unwrap());
        };
        let mut read = fixture.reads(none).await;
        // A custom plan leaves out the look-up of a chain that is empty.
        read.remove("revocations_pkey");
        assert_reads(&read, &[("idx_files_live", 0)]);
        fixture.end().await;
    }
}

/// "completion probe": the keys of the space, once and one more row for each page; nothing of them again under the lock.
#[tokio::test]
async fn completion_reads_the_keys_of_the_space_once() {
    for mode in MODES {
        let mut fixture = Fixture::new(mode).await;
        execute(&mut fixture.db, KEYLESS).await;
        let complete =
            async |storage: &PostgresStorage| storage.complete_rewrap(&admin(), 2.into()).await.unwrap();
        let read = fixture.reads(complete).await;
        let expected = [
            ("idx_records_keys", 100_050),
            ("idx_files_live", 20_010),
            ("revocations_pkey", 0),
            ("epoch_keys_pkey", 0),
        ];
        assert_reads(&read, &expected);
        fixture.end().await;
    }
}

/// "members tail", and a list that is cut: no more of the log than can fit.
#[tokio::test]
async fn log_is_read_from_its_end() {
    for mode in MODES {
        let mut fixture = Fixture::new(mode).await;
        let head = async |storage: &PostgresStorage| {
            assert_eq!(storage.members_head(&reader()).await.unwrap().last.unwrap().0.get(), 500);
        };
        assert_reads(&fixture.reads(head).await, &[("members_pkey", 1), ("revocations_pkey", 0)]);
        let list = async |storage: &PostgresStorage| {
            let range = MemberRange { since: MetadataVersion::ZERO, until: None, max_bytes: 20 * 129 };
            assert_eq!(storage.list_members(&reader(), range).await.unwrap().entries.len(), 20);
        };
        assert_reads(&fixture.reads(list).await, &[("members_pkey", 21), ("revocations_pkey", 0)]);
        fixture.end().await;
    }
}

/// "revoked chain": the cids of the chain, however many were revoked in the space.
#[tokio::test]
async fn chain_is_looked_up_by_its_cids() {
    for mode in MODES {
        let mut fixture = Fixture::new(mode).await;
        let look = async |storage: &PostgresStorage| {
            storage.space_state(&reader()).await.unwrap();
            assert!(!storage.any_revoked(LARGE, chain().cids()).await.unwrap());
        };
        assert_reads(&fixture.reads(look).await, &[("revocations_pkey", 0)]);
        fixture.end().await;
    }
}

/// A rewrap of several pieces reads the rows that it names to check and to compare them, and once more to write them.
#[tokio::test]
async fn rewrap_finds_its_rows_by_their_keys() {
    for mode in MODES {
        let mut fixture = Fixture::new(mode).await;
        let dek = Dek::try_from(&[[0, 0, 0, 2].as_slice(), &[7; 40]].concat()[..]).unwrap();
        let [record_keys, file_keys] =
            [DekKind::Record, DekKind::File].map(|kind| listing(kind, Cursor::ZERO));
        let storage = PostgresStorage::open(options(&fixture.harness.database)).await.unwrap();
        let deks = storage.deks(&reader(), &record_keys, record_keys.start()).await.unwrap().deks;
        let ids: Vec<DekId> = deks.iter().map(|stored| stored.id).collect();
        let deks = storage.deks(&reader(), &file_keys, file_keys.start()).await.unwrap().deks;
        let files: Vec<DekId> = deks.iter().map(|stored| stored.id).take(10).collect();
        storage.close().await;
        let rewrap = async |storage: &PostgresStorage| {
            let entries: Vec<_> = ids.iter().map(|id| Rewrap { id: *id, dek, observed: None }).collect();
            let done =
                storage.rewrap_deks(&admin(), DekKind::Record, entries, RewrapGuard::Off).await.unwrap();
            assert_eq!(done.replaced, 2000);
            let entries = files.iter().map(|id| Rewrap { id: *id, dek, observed: None }).collect();
            storage.rewrap_deks(&admin(), DekKind::File, entries, RewrapGuard::Off).await.unwrap();
        };
        let expected = [("records_pkey", 6_100), ("files_pkey", 30), ("revocations_pkey", 0)];
        assert_reads(&fixture.reads(rewrap).await, &expected);
        fixture.end().await;
    }
}

/// "touched records": so does a push of more changes than a statement takes.
#[tokio::test]
async fn big_push_finds_its_rows_by_their_keys() {
    for mode in MODES {
        let mut fixture = Fixture::new(mode).await;
        let (all, grant) = (listing(DekKind::Record, Cursor::ZERO), WriteGrant::issue_shared(LARGE, chain()));
        let push = async |storage: &PostgresStorage| {
            let first = storage.deks(&reader(), &all, all.start()).await.unwrap();
            let second = storage.deks(&reader(), &all, first.next.unwrap()).await.unwrap();
            let changes = first.deks.iter().chain(&second.deks).map(|stored| Change {
                id: stored.id.into(),
                expected: stored.cursor,
                state: RecordState::Live { blob: Bytes::from_static(b"x"), dek: None },
            });
            let push = Push::new(changes.collect::<Vec<_>>(), None, LIMITS).unwrap();
            let pushed = storage.push(&grant, push).await.unwrap();
            assert!(matches!(pushed, Pushed::Committed { .. }), "{pushed:?}");
        };
        // Compared, weighed and written.
        let expected = [("idx_records_keys", 4_002), ("records_pkey", 12_000), ("revocations_pkey", 0)];
        assert_reads(&fixture.reads(push).await, &expected);
        fixture.end().await;
    }
}

/// The mailbox whose id is this, twice.
fn mailbox(half: &str) -> MailboxId {
    half.repeat(2).parse().unwrap()
}

async fn md5(db: &mut PgConnection, text: &str) -> String {
    sqlx::query_scalar("SELECT md5($1)").bind(text).fetch_one(db).await.unwrap()
}

/// "invitation list", and what counts before one is stored: the rows of the mailbox (storage §7.2).
#[tokio::test]
async fn mailbox_is_read_by_its_id() {
    for mode in MODES {
        let mut fixture = Fixture::new(mode).await;
        let mailbox = mailbox(&md5(&mut fixture.db, "mailbox 7").await);
        let page = MailboxPage { after: None, limit: 100, max_bytes: 1 << 20 };
        let mut listed = Vec::new();
        let list = async |storage: &PostgresStorage| {
            listed = storage.invitations(mailbox, page).await.unwrap();
        };
        let read = fixture.reads(list).await;
        assert_eq!(listed.len(), 4);
        assert_reads(&read, &[("idx_invitations_mailbox", 5)]);
        let next = async |storage: &PostgresStorage| {
            let page = MailboxPage { after: Some(listed[1].id), ..page };
            assert_eq!(storage.invitations(mailbox, page).await.unwrap(), listed[2..]);
        };
        assert_reads(&fixture.reads(next).await, &[("idx_invitations_mailbox", 5), ("invitations_pkey", 1)]);
        let create = async |storage: &PostgresStorage| {
            let invitation = NewInvitation {
                id: InvitationId::from_bytes([1; 16]),
                payload: Bytes::from_static(b"x"),
                origin_peer: Some("peer".to_owned()),
            };
            let limits = MailboxLimits {
                invitations: 500,
                from_one_peer: 100,
                lifetime: less_sync_storage::INVITATION_LIFETIME,
            };
            storage.create_invitation(mailbox, invitation, limits).await.unwrap();
        };
        assert_reads(&fixture.reads(create).await, &[("idx_invitations_mailbox", 5)]);
        let single = async |storage: &PostgresStorage| {
            let id = InvitationId::from_bytes([1; 16]);
            storage.invitation(mailbox, id).await.unwrap();
            storage.delete_invitation(mailbox, id).await.unwrap();
        };
        assert_reads(&fixture.reads(single).await, &[("invitations_pkey", 2)]);
        fixture.end().await;
    }
}

/// "rate count": the actions of one actor within the window.
#[tokio::test]
async fn actions_are_counted_by_their_actor() {
    for mode in MODES {
        let mut fixture = Fixture::new(mode).await;
        let digest = md5(&mut fixture.db, "actor 8").await;
        let bytes = u128::from_str_radix(&digest, 16).unwrap().to_be_bytes();
        let actor = ActorHash::from_bytes([bytes, bytes].concat().try_into().unwrap());
        let day = Duration::from_hours(24);
        let count = async |storage: &PostgresStorage| {
            assert_eq!(storage.count_actions(RateAction::Invitation, actor, day).await.unwrap(), 9);
        };
        assert_reads(&fixture.reads(count).await, &[("idx_rate_limit_actions_lookup", 9)]);
        let acquire = async |storage: &PostgresStorage| {
            let limit = RateLimit { actions: 10, window: day };
            let permit = storage.acquire(RateAction::Invitation, actor, limit).await.unwrap();
            storage.release(permit).await.unwrap();
        };
        let expected = [("idx_rate_limit_actions_lookup", 9), ("rate_limit_actions_pkey", 1)];
        assert_reads(&fixture.reads(acquire).await, &expected);
        fixture.end().await;
    }
}

/// "purge": the longest expired first, and no more than the batch.
#[tokio::test]
async fn purges_read_a_batch_of_what_has_expired() {
    for mode in MODES {
        let mut fixture = Fixture::new(mode).await;
        let invitations = async |storage: &PostgresStorage| {
            assert_eq!(storage.purge_invitations(1000).await.unwrap(), 1000);
        };
        let expected = [("idx_invitations_expires_at", 1001), ("invitations_pkey", 1000)];
        assert_reads(&fixture.reads(invitations).await, &expected);
        let actions = async |storage: &PostgresStorage| {
            assert_eq!(storage.purge_actions(Duration::from_hours(1), 1000).await.unwrap(), 1000);
        };
        // PostgreSQL 15 counts 1000 rows of the primary key, 17 and 18 count 1002.
        let expected = [("idx_rate_limit_actions_created", 1001), ("rate_limit_actions_pkey", 1010)];
        assert_reads(&fixture.reads(actions).await, &expected);
        fixture.end().await;
    }
}
