//! Standard error of the server: a reader that stalls, and the journal of systemd.

use std::fs::{File, Metadata};
use std::io::{BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;

use rustix::process::Signal;

use super::{DevServer, address, command, is_healthy};

/// A supervisor may stop reading the log: the server goes on, and drops lines.
#[test]
fn a_log_that_is_not_read_stops_nothing() {
    let (_unread, mut log) = std::io::pipe().unwrap();
    // All but 4 KiB of what a pipe holds by default.
    log.write_all(&vec![b'-'; 60 * 1024]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut command = command(&["--dev", "--listen", "127.0.0.1:0"], &directory);
    let mut child = command.env("RUST_LOG", "trace").stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let address = address(&mut stdout);
    let mut server = DevServer { child, address, _stdout: stdout, _directory: directory };
    for _ in 0..100 {
        assert!(is_healthy(server.address));
    }
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
}

/// Under systemd each line has the priority of its level, so that `journalctl -p warning` finds warnings.
#[test]
fn lines_in_the_journal_have_priorities() {
    let logged = |stream: fn(&Metadata) -> String| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let log = File::create(&path).unwrap();
        let mut command = command(&["--listen", "127.0.0.1:0"], &directory);
        command.env("JOURNAL_STREAM", stream(&log.metadata().unwrap()));
        // The address of the database is invalid, so that the server ends after the first lines.
        let settings =
            [("TRUSTED_ISSUERS", "http://127.0.0.1:1"), ("DATABASE_URL", "sqlite:/dev/null/database")];
        let ended = command.envs(settings).stderr(log).status().unwrap();
        assert_eq!(ended.code(), Some(1));
        std::fs::read_to_string(&path).unwrap()
    };
    let journal = logged(|file| format!("{}:{}", file.dev(), file.ino()));
    let starts = |text: &str| journal.lines().any(|line| line.starts_with(text));
    assert!(starts(r#"<6>{"timestamp""#) && starts(r#"<4>{"timestamp""#), "{journal}");
    let file = logged(|file| format!("{}:{}", file.dev(), file.ino() + 1));
    assert!(file.starts_with(r#"{"timestamp""#), "{file}");
}
