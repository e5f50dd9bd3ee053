//! Commands of the documents, run as they are written in a fresh directory, and what they promise to print.
//!
//! A comment before a block says what happens with it:
//!
//! | comment | |
//! |---|---|
//! | `<!-- run -->` | runs in the shell of the session, and must succeed |
//! | `<!-- run: fails -->` | its last command must fail |
//! | `<!-- run: background NAME -->` | runs until the end of the session, as in a terminal of its own. `server` and `other` are servers with `--dev`, `production` one without, `issuer` an issuer |
//! | `<!-- prints -->`, `<!-- prints: NAME -->` | lines that the block before, or the one of this name, prints in this order; `…` is any text |
//! | `<!-- not run: REASON -->` | is not run |
//!
//! `cargo run` starts the programs that the tests have built; the ports of server, issuer and admin listener are free ones.

mod script;
mod session;

use std::path::Path;
use std::process::Command;

use less_sync_test_support::postgres::{Durability, PrivateServer};

use script::{Block, blocks, commands, unmarked};
use session::Session;

use crate::development_server;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)).unwrap()
}

/// Blocks of the README in the section with this heading.
fn section(heading: &str) -> Vec<Block> {
    let readme = read("README.md");
    let section = readme.split("\n## ").find(|section| section.starts_with(heading));
    blocks(section.unwrap_or_else(|| panic!("no section {heading}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn readme_works_as_written() {
    let mut session = Session::new(&[]);
    for heading in ["Try it", "Share it"] {
        session.run(&section(heading)).await;
    }
    let log = session.end("server");
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
    // Every migration once, and as text.
    let migrations: Vec<&str> = log.lines().filter(|line| line.contains("migration applied")).collect();
    assert!(!migrations.is_empty() && !log.contains("Step {"), "{log}");
    let versions: std::collections::HashSet<_> =
        migrations.iter().map(|line| line.split("\"version\":").nth(1)).collect();
    assert_eq!(versions.len(), migrations.len(), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn readme_works_with_two_servers() {
    let mut session = Session::new(&[]);
    session.run(&section("Two servers")).await;
    for server in ["server", "other"] {
        let log = session.end(server);
        assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
    }
}

/// Variables of a session that name a local PostgreSQL server.
struct PostgresSession {
    host: String,
    port: String,
    user: String,
    password: String,
    url: String,
    _server: PrivateServer,
}

impl PostgresSession {
    fn start() -> Self {
        let server = PrivateServer::start(Durability::Volatile);
        let url = server.url("postgres");
        let parsed = reqwest::Url::parse(&url).unwrap();
        // A local server listens on a socket in its directory.
        let socket =
            parsed.query_pairs().find(|(name, _)| name == "host").map(|(_, folder)| folder.into_owned());
        Self {
            host: socket.unwrap_or_else(|| parsed.host_str().unwrap().to_owned()),
            port: parsed.port().unwrap_or(5432).to_string(),
            user: parsed.username().to_owned(),
            password: parsed.password().unwrap_or_default().to_owned(),
            url,
            _server: server,
        }
    }

    fn new_session(&self) -> Session {
        Session::new(&[
            ("PGHOST", &self.host),
            ("PGPORT", &self.port),
            ("PGUSER", &self.user),
            ("PGPASSWORD", &self.password),
            ("DATABASE_URL", &self.url),
        ])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readme_works_on_postgresql() {
    let postgres = PostgresSession::start();
    let mut session = postgres.new_session();
    session.run(&section("Run it on PostgreSQL")).await;
    session.run(&section("Share it")).await;
    let log = session.end("server");
    // A busy machine is no fault of the server.
    let expected = ["DATABASE_URL of the environment is ignored by --dev", "storage operation was slow"];
    let is_expected = |line: &&str| expected.iter().any(|text| line.contains(text));
    let log: String = log.lines().filter(|line| !is_expected(line)).collect();
    assert!(!log.contains("WARN") && !log.contains("ERROR") && !log.contains("Step {"), "{log}");
}

/// Pages for users, without the README.
fn pages() -> Vec<(String, String)> {
    let examples = ["node-client", "python-client", "openid-provider", "browser", "todo"]
        .map(|name| format!("examples/{name}"));
    let folders = ["docs", "docs/how-to", "benches", "clients/js", "clients/python"]
        .map(str::to_owned)
        .into_iter()
        .chain(examples);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let names = folders.flat_map(|folder| {
        let entries = std::fs::read_dir(root.join(&folder)).unwrap();
        entries.map(move |entry| format!("{folder}/{}", entry.unwrap().file_name().into_string().unwrap()))
    });
    let mut names: Vec<_> =
        names.filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "md")).collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), read(&name))).collect()
}

/// Runs every page in a fresh directory.
async fn run_pages(new_session: impl Fn() -> Session) {
    let mut run = 0;
    for (name, text) in pages() {
        let blocks = blocks(&text);
        if blocks.iter().any(Block::is_run) {
            eprintln!("{name}");
            new_session().run(&blocks).await;
            run += 1;
        }
    }
    assert!(run >= 3, "{run} pages with commands");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_pages_work_as_written() {
    run_pages(|| Session::new(&[("DATABASE_URL", "sqlite:data/less-sync.db")])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_pages_work_on_postgresql() {
    let postgres = PostgresSession::start();
    run_pages(|| postgres.new_session()).await;
}

#[test]
fn every_block_of_commands_is_run_or_says_why_not() {
    let mut bad = Vec::new();
    for (name, text) in pages().into_iter().chain([("README.md".to_owned(), read("README.md"))]) {
        bad.extend(unmarked(&text).into_iter().map(|line| format!("{name}:{line}")));
    }
    assert!(
        bad.is_empty(),
        "blocks without a mark such as <!-- run --> or <!-- not run: REASON -->: {bad:?}"
    );
}

/// Commands in the text of a page exist: the program prints their help.
#[test]
fn commands_in_the_text_of_pages_exist() {
    let programs = ["less-sync", "less-sync-server", "less-sync-migrate"];
    let mut found = 0;
    for (name, text) in pages().into_iter().chain([("README.md".to_owned(), read("README.md"))]) {
        // Contexts of keys and signatures, which begin like a command.
        if name == "docs/encryption.md" {
            continue;
        }
        for words in commands(&text, &programs) {
            let program = development_server::program().with_file_name(&words[0]);
            let help = Command::new(program).args(&words[1..]).arg("--help").output().unwrap();
            assert!(help.status.success(), "{name}: {words:?}: {help:?}");
            found += 1;
        }
    }
    assert!(found > 5, "{found} commands");
}
