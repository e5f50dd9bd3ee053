//! Template database with all migrations, created once per server and copied for each test.

use std::fs;
use std::path::Path;

use less_sync_storage_postgres::migrate::{Migrator, Up};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use url::Url;

use super::server::{connect, execute, with_database};
use crate::hex;

/// Key of the advisory lock held while a template is created.
const LOCK: i64 = 0x1e55_7e57;

/// Name of the template on the shared server, created on first use.
pub(super) async fn name(server: &Url) -> &'static str {
    static NAME: OnceCell<String> = OnceCell::const_new();
    NAME.get_or_init(|| prepare(server)).await
}

/// Creates the template under a draft name, so that a process killed meanwhile leaves no incomplete template.
async fn prepare(server: &Url) -> String {
    let (name, draft) = (format!("less_template_{}", fingerprint()), format!("less_draft_{}", fingerprint()));
    let mut admin = connect(server.as_str()).await;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut admin).await.expect("a lock");
    let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut admin)
        .await
        .expect("a list of databases");
    if !known {
        execute(&mut admin, format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)")).await;
        execute(&mut admin, format!("CREATE DATABASE {draft}")).await;
        migrate(&with_database(server, &draft)).await;
        execute(&mut admin, format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
        execute(&mut admin, format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
    }
    name
}

/// Applies all migrations.
pub(super) async fn migrate(url: &str) {
    let migrator = Migrator::new(url.parse().expect("an address of PostgreSQL"));
    migrator.up(&Up::default(), &mut |_event| {}).await.expect("migrations that apply");
}

/// Fingerprint of the names and contents of the migrations: another set of migrations gets another template.
fn fingerprint() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/postgres");
    let entries = fs::read_dir(folder).expect("migrations").map(|entry| entry.expect("a migration").path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|kind| kind == "sql")).collect();
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.file_name().expect("a name").as_encoded_bytes());
        hash.update(fs::read(&file).expect("a migration that can be read"));
    }
    hex(&hash.finalize()[..8])
}
