//! Uploads followed by downloads.

use less_sync_client::crypto::sealed_size;
use pretty_assertions::assert_eq;

use crate::program::{Shell as _, stderr};
use crate::terminal::{Terminal, content, object, server};

const SEGMENT: usize = 64 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_size_round_trip() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let sizes = [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 5 * 1024 * 1024];
    let names: Vec<String> = sizes.iter().map(|size| format!("file of {size}")).collect();
    for (name, size) in names.iter().zip(sizes) {
        terminal.write(name, &content(size));
    }
    let arguments: Vec<&str> = ["file", "put"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let put = terminal.results(&arguments).await;
    let other = terminal.another();
    for ((name, size), line) in names.iter().zip(sizes).zip(&put) {
        assert_eq!((&line["name"], &line["size"]), (&name.as_str().into(), &size.into()));
        let got = other.result(&["file", "get", line["file"].as_str().unwrap()]).await;
        assert_eq!((&got["path"], got.get("resumed_from")), (&name.as_str().into(), None));
        assert!(other.read(name) == content(size), "{size} bytes");
    }
    assert_eq!(other.names().len(), names.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_notified_to_other_devices_and_decrypted_there() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let other = terminal.another();
    let mut tail = other.tail(&[]).await;
    let id = terminal.put("a note.txt", b"hello").await;
    let heard = tail.file().await;
    assert_eq!((&heard["file"], &heard["size"]), (&id.as_str().into(), &sealed_size(5).into()));
    assert_eq!((&heard["space"], heard.get("deleted")), (&terminal.space.as_str().into(), None));
    other.result(&["file", "get", "a note.txt"]).await;
    assert_eq!(other.read("a note.txt"), b"hello");

    terminal.result(&["file", "rm", "a note.txt"]).await;
    let heard = tail.file().await;
    assert_eq!((&heard["file"], &heard["deleted"]), (&id.as_str().into(), &true.into()));
}

/// Neither content nor name appear in the data of the server.
#[tokio::test(flavor = "multi_thread")]
async fn server_stores_ciphertext_only() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let secret = b"this is nobody else's business".repeat(10);
    terminal.put("diary.txt", &secret).await;
    let stored = std::fs::read(object(&server)).unwrap();
    assert_eq!(stored.len() as u64, sealed_size(secret.len() as u64));
    assert!(!stored.windows(8).any(|bytes| bytes == &secret[..8]));
    let records = terminal.results(&["pull", "--plain"]).await;
    assert!(!serde_json::to_string(&records).unwrap().contains("diary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_explicit_destination_is_replaced() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    terminal.put("note", b"new").await;
    let other = terminal.another();
    other.write("note", b"old");
    let (code, text) = other.failure(&["file", "get", "note"]).await;
    assert_eq!((code, text.as_str()), (1, "error: note exists already: give -o to replace it\n"));
    assert_eq!(other.read("note"), b"old");
    other.result(&["file", "get", "note", "-o", "note"]).await;
    assert_eq!(other.read("note"), b"new");
    std::fs::create_dir(other.path("folder")).unwrap();
    other.result(&["file", "get", "note", "-o", "folder"]).await;
    assert_eq!(other.read("folder/note"), b"new");
    assert_eq!(other.names(), ["folder", "note"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_uploaded_and_downloaded() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let text = "from a pipe ".repeat(10_000);
    let put = terminal.run_with_input(&["file", "put", "-", "--name", "piped", "--json"], &text).await;
    assert!(put.status.success(), "{}", stderr(&put));
    let unnamed = terminal.run_with_input(&["file", "put", "-"], "x").await;
    assert!(stderr(&unnamed).contains("give --name"), "{}", stderr(&unnamed));

    let pipe = terminal.path("fifo").display().to_string();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, "through a named pipe")
    });
    assert_eq!(terminal.result(&["file", "put", &pipe]).await["size"], 20);
    writer.join().unwrap().unwrap();

    let got = terminal.run(&["file", "get", "piped", "-o", "-"]).await;
    assert!(got.status.success() && got.stdout == text.as_bytes(), "{}", stderr(&got));
    let got = terminal.run(&["file", "get", "fifo", "-o", "-", "--json"]).await;
    assert_eq!(got.stdout, b"through a named pipe");
    assert_eq!(terminal.names(), ["fifo"]);
    // The pipe is not replaced.
    let (code, error) = terminal.failure(&["file", "get", "fifo", "-o", "fifo"]).await;
    assert!(code == 1 && error.contains("not a regular file"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn file_above_the_limit_is_rejected_before_it_is_read() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    std::fs::File::create(terminal.path("sparse")).unwrap().set_len(3 << 40).unwrap();
    let (code, text) = terminal.failure(&["file", "put", "sparse"]).await;
    assert_eq!(code, 1);
    assert!(text.starts_with("rejected: sparse: file exceeds 100 MB limit (413)\n"), "{text}");
    // No record was written.
    assert_eq!(terminal.result(&["pull"]).await["cursor"], 0);
}

/// The thief has the access token of alice, but not her keys.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_unreadable_without_the_key() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let id = terminal.put("note", b"content").await;
    let thief = Terminal::new(&server);
    let (code, text) = thief.failure(&["file", "ls"]).await;
    assert_eq!((code, text.as_str()), (3, "error: 1 file cannot be decrypted\n"));
    let (code, text) = thief.failure(&["file", "get", &id]).await;
    assert_eq!(code, 3);
    assert_eq!(text, format!("error: cannot decrypt the description of {id}\n  no key of epoch 1\n"));
    assert!(thief.names().is_empty());
}
