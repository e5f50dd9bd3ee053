//! Server shared by all processes of a `cargo nextest` run: started by the first process that needs it, ended with the
//! runner.
//!
//! A setup script of nextest could do the same, but would start a server for runs that need none, and would be a second
//! way of starting one beside this.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::process::parent_id;
use std::path::Path;
use std::sync::OnceLock;

use url::Url;

use super::durability::Durability;
use super::server::{OwnedServer, no_way};
use super::watcher::Until;

/// URL of the database `postgres` on the shared server of this process.
pub(super) fn shared() -> &'static Url {
    static SHARED: OnceLock<(Url, Option<OwnedServer>)> = OnceLock::new();
    let (url, _server) = SHARED.get_or_init(|| {
        if let Some(url) = given().or_else(shared_server) {
            return (url, None);
        }
        let own = OwnedServer::start_until_dropped(Durability::Volatile);
        (own.url(), Some(own))
    });
    url
}

fn given() -> Option<Url> {
    #[expect(clippy::disallowed_methods, reason = "test configuration from the environment")]
    let url = std::env::var("LESS_TEST_DATABASE_URL").ok()?;
    Some(Url::parse(&url).expect("LESS_TEST_DATABASE_URL must be an address, postgres://…"))
}

/// URL of the server of this run; `None` outside of `cargo nextest`.
fn shared_server() -> Option<Url> {
    #[expect(clippy::disallowed_methods, reason = "nextest sets the variable")]
    let run = std::env::var("NEXTEST_RUN_ID").ok()?;
    let folder = std::env::temp_dir().join(format!("less-sync-run-{run}"));
    if let Err(error) = fs::create_dir(&folder) {
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{} cannot be made", folder.display());
    }
    // The file lock makes one process start the server while the others wait for its URL.
    let lock = File::create(folder.join("lock")).expect("a file to lock");
    lock.lock().expect("a lock");
    let url = fs::read_to_string(folder.join("url")).unwrap_or_else(|_none_yet| start(&folder));
    Some(Url::parse(&url).expect("an address"))
}

fn start(folder: &Path) -> String {
    // Every test is a child of the runner.
    let own = OwnedServer::start(Durability::Volatile, Until::Gone(parent_id()), folder);
    let own = own.unwrap_or_else(|| panic!("{}", no_way()));
    let url = String::from(own.url());
    fs::write(folder.join("url"), &url).expect("a note for the others");
    url
}
