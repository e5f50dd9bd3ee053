//! `less-sync-server doctor` beside servers with sound and unsound surroundings (operations §10.3).

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use less_sync_test_support::postgres::{Durability, PrivateServer, TestDatabase};
use less_sync_test_support::{Authority, EmptyEnvironment as _, Issuer, ManualClock, TestServer, within};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

/// Settings of a server, with an issuer that has keys.
struct Surroundings {
    issuer: Issuer,
    folder: TempDir,
}

impl Surroundings {
    async fn new() -> Self {
        let issuer = Issuer::start(Arc::new(ManualClock::new())).await;
        Self { issuer, folder: tempfile::tempdir().unwrap() }
    }

    fn settings(&self) -> Vec<(String, String)> {
        let files = self.folder.path().join("files").display().to_string();
        let database = format!("sqlite:{}", self.folder.path().join("sync.db").display());
        let settings = [
            ("DATABASE_URL", database),
            ("TRUSTED_ISSUERS", self.issuer.url()),
            ("AUDIENCES", "less-sync".to_owned()),
            ("IDENTITY_HASH_KEY", "ab".repeat(32)),
            ("FILE_STORAGE_BACKEND", "local".to_owned()),
            ("FILE_STORAGE_PATH", files),
        ];
        settings.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Findings with these settings besides or in place of the sound ones.
    async fn findings(&self, settings: &[(&str, &str)]) -> Findings {
        self.findings_of(Command::new(env!("CARGO_BIN_EXE_less-sync-server")), settings).await
    }

    async fn findings_of(&self, mut command: Command, settings: &[(&str, &str)]) -> Findings {
        command.args(["doctor", "--json"]).empty_environment().current_dir(self.folder.path());
        command.envs(self.settings()).envs(settings.iter().copied()).stdin(Stdio::null());
        // The issuer runs on this runtime.
        let running = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = within("the doctor", running).await.unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&output.stderr)));
        let is_sound = output.status.code() == Some(0);
        assert_eq!(report["sound"], is_sound, "{report}");
        Findings(report["findings"].as_array().unwrap().clone())
    }
}

/// Findings of one run.
struct Findings(Vec<Value>);

impl Findings {
    /// The finding of a check, which must have this verdict and contain these texts.
    fn assert(&self, check: &str, verdict: &str, texts: &[&str]) {
        let found = self.0.iter().find(|finding| finding["check"] == check && finding["verdict"] == verdict);
        let found = found.unwrap_or_else(|| panic!("{check} is not {verdict}: {:#?}", self.0));
        let text = format!("{} -> {}", found["seen"], found["advice"]);
        for expected in texts {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }

    /// Checks that no check but those of the machine, which the test cannot choose, has another verdict than ok.
    fn assert_sound(&self) {
        let of_machine = ["disk", "file-system", "descriptors"];
        let bad = self.0.iter().filter(|finding| {
            finding["verdict"] != "ok" && !of_machine.iter().any(|check| finding["check"] == *check)
        });
        assert_eq!(bad.collect::<Vec<_>>(), Vec::<&Value>::new(), "{:#?}", self.0);
    }
}

#[tokio::test]
async fn sound_surroundings_of_an_embedded_database_have_no_failure() {
    let surroundings = Surroundings::new().await;
    let before = surroundings.findings(&[]).await;
    before.assert_sound();
    before.assert("database", "ok", &["does not exist yet"]);
    let path = surroundings.folder.path().join("sync.db");
    assert!(!path.exists(), "the doctor creates no database");
    // A running server keeps the lock of its database; the doctor reads beside it.
    let database = format!("sqlite:{}", path.display());
    let _server = TestServer::builder().setting("DATABASE_URL", &database).start().await;
    let after = surroundings.findings(&[]).await;
    after.assert_sound();
    after.assert("schema", "ok", &["version"]);
    after.assert("plans", "ok", &[]);
    after.assert("objects", "ok", &["written, read and removed"]);
    after.assert("issuer-keys", "ok", &[&surroundings.issuer.url()]);
}

#[tokio::test]
async fn damaged_database_file_fails() {
    let surroundings = Surroundings::new().await;
    std::fs::write(
        surroundings.folder.path().join("sync.db"),
        "this is not a database, and longer than a header",
    )
    .unwrap();
    surroundings.findings(&[]).await.assert("database", "fail", &[]);
}

#[tokio::test]
async fn issuer_that_is_down_fails() {
    let surroundings = Surroundings::new().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let found = surroundings.findings(&[("TRUSTED_ISSUERS", &issuer)]).await;
    found.assert("issuer-keys", "fail", &[&issuer, "unreachable", "TRUSTED_ISSUERS"]);
}

#[tokio::test]
async fn object_stores_that_cannot_be_used_fail() {
    let surroundings = Surroundings::new().await;
    let file = surroundings.folder.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("files").display().to_string();
    let found = surroundings.findings(&[("FILE_STORAGE_PATH", &below)]).await;
    found.assert("objects", "fail", &[&below]);
    let bucket = [
        ("FILE_STORAGE_BACKEND", "s3"),
        ("FILE_S3_ENDPOINT", "http://127.0.0.1:1"),
        ("FILE_S3_BUCKET", "less-sync"),
        ("FILE_S3_ACCESS_KEY", "a"),
        ("FILE_S3_SECRET_KEY", "never-shown"),
    ];
    let found = surroundings.findings(&bucket).await;
    found.assert("objects", "fail", &[]);
    assert!(!format!("{:?}", found.0).contains("never-shown"));
    surroundings.findings(&[("FILE_STORAGE_BACKEND", "none")]).await.assert("objects", "skip", &[]);
}

#[tokio::test]
async fn memory_as_disk_fails() {
    let memory = Path::new("/dev/shm");
    assert!(memory.is_dir(), "this test needs /dev/shm, a tmpfs");
    let folder = tempfile::tempdir_in(memory).unwrap();
    let surroundings = Surroundings::new().await;
    let files = folder.path().display().to_string();
    let database = format!("sqlite:{files}/sync.db");
    let found = surroundings.findings(&[("DATABASE_URL", &database), ("FILE_STORAGE_PATH", &files)]).await;
    found.assert("file-system", "fail", &["database in memory (tmpfs)", "use a disk"]);
    found.assert("file-system", "fail", &["in memory (tmpfs)"]);
}

#[tokio::test]
async fn low_limit_of_descriptors_is_reported() {
    let surroundings = Surroundings::new().await;
    for (limit, verdict) in [("200", "fail"), ("1500", "warn")] {
        let mut command = Command::new("/bin/sh");
        let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        command.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_less-sync-server"));
        let found = surroundings.findings_of(command, &[]).await;
        found.assert("descriptors", verdict, &[limit, "LimitNOFILE"]);
    }
}

#[tokio::test]
async fn certificates_of_the_listener_are_read() {
    let surroundings = Surroundings::new().await;
    let authority = Authority::new(surroundings.folder.path());
    let (good, expired) =
        (authority.issue("good", "localhost"), authority.issue_until("old", "localhost", 2020));
    let path = |path: &Path| path.display().to_string();
    for (certificate, key, verdict, text) in [
        (&good.certificate, &good.key, "ok", "ends in"),
        (&expired.certificate, &expired.key, "fail", "expired"),
        (&good.certificate, &expired.key, "fail", "cannot be used together"),
    ] {
        let files = [("TLS_CERT_FILE", path(certificate)), ("TLS_KEY_FILE", path(key))];
        let files = files.each_ref().map(|(name, value)| (*name, value.as_str()));
        surroundings.findings(&files).await.assert("tls", verdict, &[text]);
    }
}

#[tokio::test]
async fn warnings_of_the_configuration_are_findings() {
    let surroundings = Surroundings::new().await;
    let found = surroundings.findings(&[("AUDIENCES", "")]).await;
    found.assert("settings", "warn", &["AUDIENCES"]);
}

#[tokio::test]
async fn invalid_configuration_and_arguments_are_usage_errors() {
    for (arguments, environment) in [
        (&["doctor"][..], &[("LISTEN_ADDR", "nowhere")][..]),
        (&["--check-config", "doctor"], &[]),
        (&["doctor", "--unknown"], &[]),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_less-sync-server"));
        let output =
            command.args(arguments).empty_environment().envs(environment.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

/// Runs a statement on a database.
async fn execute(url: &str, statement: &str) {
    let mut session = within("PostgreSQL", PgConnection::connect(url)).await.unwrap();
    within("PostgreSQL", session.execute(sqlx::raw_sql(AssertSqlSafe(statement.to_owned())))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_server_is_examined() {
    let postgres = tokio::task::block_in_place(|| PrivateServer::start(Durability::Durable));
    let database = TestDatabase::migrated_on(&postgres).await;
    let surroundings = Surroundings::new().await;
    let url = database.url();
    let sound = surroundings.findings(&[("DATABASE_URL", url)]).await;
    sound.assert_sound();
    sound.assert("database", "ok", &["PostgreSQL"]);
    sound.assert("durability", "ok", &["synchronous_commit = on"]);
    sound.assert("plans", "ok", &[]);

    let many = surroundings.findings(&[("DATABASE_URL", url), ("DATABASE_MAX_CONNECTIONS", "500")]).await;
    many.assert("sessions", "fail", &["500", "max_connections"]);

    let name = database.name();
    execute(url, &format!("ALTER DATABASE \"{name}\" SET synchronous_commit = off")).await;
    execute(url, "DROP INDEX idx_records_sync").await;
    let unsound = surroundings.findings(&[("DATABASE_URL", url)]).await;
    unsound.assert("durability", "fail", &["synchronous_commit = off"]);
    // A schema that has drifted is not that of the plans.
    unsound.assert("schema", "fail", &["idx_records_sync"]);
}

#[tokio::test]
async fn empty_database_fails_where_nothing_migrates_it() {
    let database = TestDatabase::empty().await;
    let surroundings = Surroundings::new().await;
    let found = surroundings.findings(&[("DATABASE_URL", database.url()), ("RUN_MIGRATIONS", "false")]).await;
    found.assert("schema", "fail", &["less-sync-migrate up"]);
    let found = surroundings.findings(&[("DATABASE_URL", database.url())]).await;
    found.assert("schema", "warn", &["backup"]);
}

#[tokio::test]
async fn database_server_that_is_down_fails() {
    let surroundings = Surroundings::new().await;
    let url = "postgres://less_sync:never-shown@127.0.0.1:1/less_sync";
    let found = surroundings.findings(&[("DATABASE_URL", url)]).await;
    found.assert("database", "fail", &["cannot connect"]);
    assert!(!format!("{:?}", found.0).contains("never-shown"));
}
