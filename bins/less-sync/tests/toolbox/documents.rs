//! Commands of the documents, run as they are written in a fresh directory, and what they promise to print.
//!
//! A comment before a block says what happens with it:
//!
//! | comment | |
//! |---|---|
//! | `<!-- run -->` | runs in the shell of the session, and must succeed |
//! | `<!-- run: fails -->` | its last command must fail |
//! | `<!-- run: background NAME -->` | runs until the end of the session, as in a terminal of its own |
//! | `<!-- prints -->`, `<!-- prints: NAME -->` | lines that the block before, or the one of this name, prints in this order; `…` is any text |
//! | `<!-- not run: REASON -->` | is not run |
//!
//! `cargo run` starts the programs that the tests have built; the port of the server is a free one.

mod script;
mod session;

use std::path::Path;

use less_sync_test_support::postgres::{Durability, PrivateServer};

use script::{Block, blocks};
use session::Session;

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
async fn readme_works_on_postgresql() {
    let database = PrivateServer::start(Durability::Volatile);
    let url = reqwest::Url::parse(&database.url("postgres")).unwrap();
    // A local server listens on a socket in its directory.
    let socket = url.query_pairs().find(|(name, _)| name == "host").map(|(_, folder)| folder.into_owned());
    let host = socket.unwrap_or_else(|| url.host_str().unwrap().to_owned());
    let port = url.port().unwrap_or(5432).to_string();
    let mut session = Session::new(&[
        ("PGHOST", &host),
        ("PGPORT", &port),
        ("PGUSER", url.username()),
        ("PGPASSWORD", url.password().unwrap_or_default()),
    ]);
    session.run(&section("Run it on PostgreSQL")).await;
    session.run(&section("Share it")).await;
    let log = session.end("server");
    assert!(!log.contains("WARN") && !log.contains("ERROR") && !log.contains("Step {"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn marked_commands_of_other_documents_work_as_written() {
    for name in [
        "docs/operations.md",
        "docs/protocol.md",
        "docs/http.md",
        "docs/encryption.md",
        "docs/configuration.md",
    ] {
        let blocks = blocks(&read(name));
        if blocks.iter().any(Block::is_run) {
            Session::new(&[]).run(&blocks).await;
        }
    }
}

#[test]
fn every_command_of_the_readme_is_run_or_says_why_not() {
    let readme = read("README.md");
    let commands = readme.matches("\n```sh\n").count();
    let marked = blocks(&readme).iter().filter(|block| block.is_run()).count();
    assert_eq!(commands, marked + readme.matches("<!-- not run: ").count());
}
