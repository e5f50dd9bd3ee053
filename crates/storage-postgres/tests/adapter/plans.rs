//! Plans of the statements that matter, on tables of a hundred thousand rows (storage §7.1, §7.3): no sequential scan, no
//! full sort, the named indexes, with custom and with generic plans.

use less_sync_core::Cursor;
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row as _};

use crate::harness::{Harness, execute, is_committed, live, push, space, tombstone};

const MODES: [&str; 2] = ["auto", "force_generic_plan"];

/// A space with 100 000 records, 20 000 files and 500 members between those of others. Foreign keys would take most of
/// the time.
const FILL: &str = "
    ALTER TABLE files DROP CONSTRAINT files_record_fk, DROP CONSTRAINT files_space_id_fkey;
    ALTER TABLE records DROP CONSTRAINT records_space_id_fkey;
    ALTER TABLE members DROP CONSTRAINT members_space_id_fkey;
    ALTER TABLE revocations DROP CONSTRAINT revocations_space_id_fkey;
    INSERT INTO spaces (id, client_id)
        SELECT md5('space ' || n)::uuid, 'c' FROM generate_series(1, 20000) n;
    INSERT INTO records (space_id, id, cursor, blob)
        SELECT CASE WHEN n % 3 = 0 THEN md5('space ' || n % 20000 + 1)::uuid ELSE '01010101-0101-0101-0101-010101010101' END,
               md5('record ' || n)::uuid, n / 10 + 1, '\\x00112233'
        FROM generate_series(1, 150000) n;
    INSERT INTO files (space_id, id, size, wrapped_dek, record_id, cursor)
        SELECT space_id, md5('file ' || id::text)::uuid, 1, decode(repeat('00', 44), 'hex'), id, cursor
        FROM records WHERE cursor % 5 = 0;
    INSERT INTO members (space_id, chain_seq, entry_hash, payload, cursor)
        SELECT '01010101-0101-0101-0101-010101010101', n, sha256('x'), 'x', 20000 + n FROM generate_series(1, 500) n;
    INSERT INTO members (space_id, chain_seq, entry_hash, payload, cursor)
        SELECT md5('space ' || n)::uuid, 1, sha256('x'), 'x', 1 FROM generate_series(1, 20000) n;
    INSERT INTO revocations (space_id, ucan_cid)
        SELECT '01010101-0101-0101-0101-010101010101', 'cid ' || n FROM generate_series(1, 100000) n;
    UPDATE spaces SET cursor = 30000 WHERE id = '01010101-0101-0101-0101-010101010101';
    ANALYZE";

/// The rows above come from nowhere, so the invariants need not hold for them.
const EMPTY: &str = "TRUNCATE files, members, records; UPDATE spaces SET cursor = 0 WHERE cursor > 0";

/// The plan of a prepared statement.
async fn plan(db: &mut PgConnection, mode: &str, execute: &str) -> Value {
    // The planner settings are those of the adapter's sessions.
    let sql = format!(
        "SET enable_seqscan = off; SET enable_bitmapscan = off; SET plan_cache_mode = {mode};
         EXPLAIN (FORMAT JSON) EXECUTE {execute}"
    );
    let row = db.fetch_one(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
    serde_json::from_str(&row.get_unchecked::<String, _>(0)).unwrap()
}

/// Every value under this key, anywhere in the plan.
fn all<'p>(plan: &'p Value, key: &str, found: &mut Vec<&'p str>) {
    match plan {
        Value::Array(parts) => parts.iter().for_each(|part| all(part, key, found)),
        Value::Object(node) => {
            found.extend(node.get(key).and_then(Value::as_str));
            node.values().for_each(|part| all(part, key, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn assert_plan(plan: &Value, indexes: &[&str]) {
    let (mut nodes, mut used) = (Vec::new(), Vec::new());
    all(plan, "Node Type", &mut nodes);
    all(plan, "Index Name", &mut used);
    assert!(!nodes.contains(&"Seq Scan") && !nodes.contains(&"Sort"), "{plan:#}");
    for index in indexes {
        assert!(used.contains(index), "{index} in {plan:#}");
    }
}

/// "pull page": three branches in index order, merged and sorted within a cursor only; at the start and in the middle, by
/// the statement that begins a pull and by the one that continues it.
#[tokio::test]
async fn page_of_a_pull_reads_three_indexes_in_order() {
    let harness = Harness::new(|options| options).await;
    let mut db = harness.connect().await;
    execute(&mut db, FILL).await;
    let prepare = format!(
        "PREPARE page (uuid, bigint, bigint, bigint, uuid, bigint, bigint, uuid) AS {};
         PREPARE begin (uuid, text[], bigint, bigint, bigint) AS {}",
        include_str!("../../src/pull/page.sql"),
        include_str!("../../src/pull/begin.sql")
    );
    db.execute(sqlx::raw_sql(AssertSqlSafe(prepare))).await.unwrap();
    let last = "ffffffff-ffff-ffff-ffff-ffffffffffff";
    for mode in MODES {
        for at in [0, 7000, 29_000] {
            let space = "'01010101-0101-0101-0101-010101010101'";
            let page = format!("page ({space}, 512, 4194304, {at}, '{last}', {at}, {at}, '{last}')");
            let begin = format!("begin ({space}, ARRAY['cid 1', 'cid 2'], {at}, 512, 4194304)");
            let indexes = ["idx_records_sync", "idx_members_cursor", "idx_files_sync"];
            assert_plan(&plan(&mut db, mode, &page).await, &indexes);
            let begin = plan(&mut db, mode, &begin).await;
            assert_plan(&begin, &indexes);
            assert_plan(&begin, &["spaces_pkey", "revocations_pkey"]);
        }
    }
    execute(&mut db, EMPTY).await;
    harness.end().await;
}

/// The batch read of spaces, and the state that a pull begins with.
#[tokio::test]
async fn spaces_are_found_by_their_keys() {
    let harness = Harness::new(|options| options).await;
    let mut db = harness.connect().await;
    execute(&mut db, FILL).await;
    execute(&mut db, "PREPARE many (uuid[]) AS SELECT cursor FROM spaces WHERE id = ANY ($1)").await;
    execute(
        &mut db,
        "PREPARE state (uuid, text[]) AS SELECT cursor,
             EXISTS (SELECT FROM revocations WHERE space_id = $1 AND ucan_cid = ANY ($2)) FROM spaces WHERE id = $1",
    )
    .await;
    for mode in MODES {
        let many = plan(&mut db, mode, "many (ARRAY[md5('space 1')::uuid, md5('space 2')::uuid])").await;
        assert_plan(&many, &["spaces_pkey"]);
        let state = plan(&mut db, mode, "state (md5('space 1')::uuid, ARRAY['cid 1', 'cid 2'])").await;
        assert_plan(&state, &["spaces_pkey", "revocations_pkey"]);
    }
    execute(&mut db, EMPTY).await;
    harness.end().await;
}

/// Statistics of a table: sequential scans, and scans of an index.
async fn scans(db: &mut PgConnection, table: &str, index: &str) -> (i64, i64) {
    let sql =
        "SELECT t.seq_scan, i.idx_scan FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid)
               WHERE t.relname = $1 AND i.indexrelname = $2";
    let row = sqlx::query(sql).bind(table).bind(index).fetch_one(db).await.unwrap();
    (row.get(0), row.get(1))
}

const COUNTED: [(&str, &str); 4] = [
    ("spaces", "spaces_pkey"),
    ("records", "records_pkey"),
    ("files", "idx_files_live_record"),
    ("revocations", "revocations_pkey"),
];

/// "lock space row", "touched records", "files of tombstones", "revoked chain": the functions of the database keep their
/// plans, and what they planned for empty tables must still do when the tables are full. Statistics tell what was run.
#[tokio::test]
async fn functions_planned_on_empty_tables_never_scan_full_ones() {
    for mode in MODES {
        let harness = Harness::new(|options| options).await;
        let mut db = harness.connect().await;
        let options: PgConnectOptions = harness.database.url().parse().unwrap();
        let mut session = options.connect().await.unwrap();
        let set = format!("SET plan_cache_mode = {mode}");
        session.execute(sqlx::raw_sql(AssertSqlSafe(set))).await.unwrap();
        execute(&mut session, CALLS).await;
        // Without ANALYZE, so that nothing tells the session to plan anew.
        execute(&mut db, FILL.strip_suffix("ANALYZE").unwrap()).await;
        execute(&mut db, "SELECT pg_stat_force_next_flush()").await;
        let mut before = Vec::new();
        for (table, index) in COUNTED {
            before.push(scans(&mut db, table, index).await);
        }
        execute(&mut session, CALLS).await;
        // Statistics of a session are flushed at its end.
        session.close().await.unwrap();
        for ((table, index), (seq_scans, uses)) in COUNTED.into_iter().zip(before) {
            less_sync_test_support::within("statistics of the session", async {
                while scans(&mut db, table, index).await.1 == uses {}
            })
            .await;
            assert_eq!(scans(&mut db, table, index).await.0, seq_scans, "{mode}: {table} was scanned");
        }
        execute(&mut db, EMPTY).await;
        harness.end().await;
    }
}

/// Both functions, ten times each, which is when a plan has become generic: creation, update, deletion, rejection, with
/// and without a chain.
const CALLS: &str = "
    DO $$
    DECLARE
        space  CONSTANT uuid := '01010101-0101-0101-0101-010101010101';
        other  CONSTANT uuid := '02020202-0202-0202-0202-020202020202';
        a      uuid;
        b      uuid;
        at     bigint;
    BEGIN
        UPDATE spaces SET root_public_key = decode(repeat('02', 33), 'hex') WHERE id = other;
        FOR i IN 1..10 LOOP
            a := gen_random_uuid();
            b := gen_random_uuid();
            PERFORM less_sync_push_one_2(true, 1000000, 1000000, space, NULL, NULL, a, 0, 'x', NULL);
            PERFORM less_sync_push_one_2(true, 1000000, 1000000, other, ARRAY['cid'], 1, b, 0, 'x', NULL);
            FOREACH at IN ARRAY ARRAY[0, (SELECT cursor FROM records WHERE space_id = space AND id = a)] LOOP
                PERFORM less_sync_push_2(
                    false, 1000000, 1000000, ARRAY[space, other, other], ARRAY[false, true, true], ARRAY[NULL, 1, 1]::bigint[],
                    ARRAY[2, 1, 1], ARRAY[1, 0, 1], ARRAY[257, 129, 129]::bigint[], ARRAY[2, 2, 3], ARRAY['cid', 'dic', 'cid'], ARRAY[1, 1, 2, 3],
                    ARRAY[a, gen_random_uuid(), gen_random_uuid(), b], ARRAY[at, 0, 0, 1]::bigint[],
                    ARRAY[NULL, 'x', 'x', 'x']::bytea[], ARRAY[NULL, NULL, NULL, NULL]::bytea[]);
            END LOOP;
        END LOOP;
        UPDATE spaces SET root_public_key = NULL WHERE id = other;
    END
    $$";

/// A push of many changes to a large space goes by the same plans, through the adapter.
#[tokio::test]
async fn large_push_into_a_large_space_never_scans_it() {
    let harness = Harness::new(|options| options).await;
    let mut db = harness.connect().await;
    assert!(is_committed(
        &push(&harness.storage, space(1), (0..50_000).map(|id| live(id, Cursor::ZERO, 4)).collect()).await
    ));
    let at = Cursor::new(1).unwrap();
    let mixed = (0..25_000).map(|id| if id % 2 == 0 { live(id, at, 5) } else { tombstone(id, at) });
    assert!(is_committed(&push(&harness.storage, space(1), mixed.collect()).await));
    harness.storage.close().await;
    execute(&mut db, "SELECT pg_stat_force_next_flush()").await;
    let (seq_scans, _) = scans(&mut db, "records", "records_pkey").await;
    assert_eq!(seq_scans, 0);
    harness.end().await;
}
