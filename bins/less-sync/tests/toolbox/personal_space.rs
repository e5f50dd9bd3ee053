//! Encryption of the personal space, and its key on several devices.

use std::os::unix::fs::PermissionsExt as _;

use less_sync_client::Change;
use less_sync_core::{Cursor, RecordId};
use less_sync_test_support::{Device, TestServer};
use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::program::{Shell as _, lines, stderr};
use crate::terminal::Terminal;

fn texts(rows: &[Value]) -> Vec<&str> {
    rows.iter().filter_map(|row| row["text"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pushed_records_are_stored_encrypted_and_shown_as_text() {
    let server = TestServer::start().await;
    let terminal = Terminal::new(&server);
    let mut tail = terminal.tail(&[]).await;
    let pushed = terminal.run_with_input(&["push", "--json"], "dear diary").await;
    assert!(pushed.status.success(), "{}", stderr(&pushed));
    let id = lines(&pushed)[0]["record"].clone();

    // The device without keys receives what the server stores.
    let (rows, _) = Device::connect(&server).await.pull(Cursor::ZERO).await;
    assert_eq!(rows.len(), 1);
    let stored = rows[0].blob.clone().unwrap();
    assert!(!stored.windows(4).any(|part| part == b"dear" || part == b"iary"));
    assert_eq!((stored[0], rows[0].dek.clone().unwrap().len()), (1, 44));

    assert_eq!(texts(&terminal.results(&["pull"]).await), ["dear diary"]);
    let shown = terminal.run(&["pull"]).await;
    assert!(String::from_utf8_lossy(&shown.stdout).contains("  \"dear diary\"  "), "{shown:?}");
    // The key was created after the start of `tail`.
    let record = tail.until_kind("record").await;
    assert_eq!((&record["record"], &record["text"]), (&id, &"dear diary".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn second_device_reads_and_writes_after_the_import_of_the_key() {
    let server = TestServer::start().await;
    let (first, second) = (Terminal::new(&server), Terminal::new(&server));
    first.write("note", b"from the first");
    let (code, text) = first.failure(&["key", "export", "key"]).await;
    assert_eq!(code, 2);
    assert!(text.ends_with(": the first push creates it\n"), "{text}");
    first.result(&["push", "note"]).await;

    // Without the key the second device neither reads the record nor creates another key.
    let unread = second.run(&["pull", "--json"]).await;
    assert_eq!(unread.status.code(), Some(3));
    assert!(stderr(&unread).contains("cannot be decrypted: no key of epoch 1\n"), "{}", stderr(&unread));
    second.write("note", b"from the second");
    for command in [&["push", "note"][..], &["file", "put", "note"]] {
        let (code, text) = second.failure(command).await;
        assert_eq!(code, 1);
        assert!(text.contains("less-sync key import FILE"), "{text}");
    }

    let exported = first.result(&["key", "export", "key"]).await;
    assert_eq!(exported["space"], first.space.as_str());
    let mode = std::fs::metadata(first.path("key")).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode, first.failure(&["key", "export", "key"]).await.0), (0o600, 1));
    let text = String::from_utf8(first.read("key")).unwrap();
    let imported = second.run_with_input(&["key", "import", "-", "--json"], &text).await;
    assert_eq!(lines(&imported)[0]["space"], first.space.as_str(), "{}", stderr(&imported));
    second.result(&["push", "note"]).await;
    for device in [&first, &second] {
        assert_eq!(texts(&device.results(&["pull"]).await), ["from the first", "from the second"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_is_not_replaced_and_another_file_is_rejected() {
    let (one, two) = (TestServer::start().await, TestServer::start().await);
    let (first, second) = (Terminal::new(&one), Terminal::new(&two));
    for device in [&first, &second] {
        device.write("note", b"note");
        device.result(&["push", "note"]).await;
    }
    let key = String::from_utf8(first.run(&["key", "export", "-"]).await.stdout).unwrap();
    let other = key.replace(&first.space, &second.space);
    for (input, expected) in [(other.as_str(), "another key of the space"), ("{}", "not an exported key")] {
        let rejected = second.run_with_input(&["key", "import", "-"], input).await;
        assert_eq!(rejected.status.code(), Some(2));
        assert!(stderr(&rejected).contains(expected), "{}", stderr(&rejected));
    }
    assert_eq!(texts(&second.results(&["pull"]).await), ["note"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_records_are_written_and_shown_on_request_only() {
    let server = TestServer::start().await;
    let terminal = Terminal::new(&server);
    terminal.write("note", b"for a test");
    terminal.result(&["push", "--plain", "note"]).await;
    let mut device = Device::connect(&server).await;
    assert_eq!(device.pull(Cursor::ZERO).await.0[0].blob.clone().unwrap(), "for a test");
    let dek = [&[0, 0, 0, 1][..], &[9; 40]].concat();
    device.push(&[Change::create(RecordId::from_bytes([7; 16]), &b"\xff"[..]).with_dek(dek)]).await;

    let output = terminal.run(&["pull"]).await;
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("not encrypted"), "{}", stderr(&output));
    let rows = terminal.results(&["pull", "--plain"]).await;
    assert_eq!(texts(&rows), ["for a test"]);
    assert_eq!((&rows[1]["blob"], rows[1]["dek"].as_str().map(str::len)), (&"/w==".into(), Some(60)));
    let output = terminal.run(&["pull", "--plain"]).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("  binary, 1 B  ") && !text.contains("/w=="), "{text}");
}
