//! Tampered ciphertext in the object store.

use pretty_assertions::assert_eq;

use crate::program::Shell as _;
use crate::terminal::{Terminal, content, object, server};

const SEGMENT: usize = 64 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn object_modified_at_any_position_is_rejected() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let id = terminal.put("file", &content(3 * SEGMENT)).await;
    let path = object(&server);
    let whole = std::fs::read(&path).unwrap();
    for at in [1, 1 + SEGMENT, whole.len() / 2, whole.len() - 1] {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        let other = terminal.another();
        let (code, text) = other.failure(&["file", "get", &id]).await;
        let expected =
            "error: cannot decrypt the file\n  authentication failed: modified content, or another key\n";
        assert_eq!((code, text.as_str()), (3, expected), "byte {at}");
        // Neither the file nor a part of it is left, though the beginning was right.
        assert!(other.names().is_empty(), "{:?}", other.names());
    }
    std::fs::write(&path, &whole).unwrap();
    terminal.another().result(&["file", "get", &id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn swapped_segments_are_detected() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let id = terminal.put("file", &content(3 * SEGMENT)).await;
    let path = object(&server);
    let whole = std::fs::read(&path).unwrap();
    let segments: Vec<&[u8]> = whole[1..].chunks(SEGMENT + 16).collect();
    let swapped = [&whole[..1], segments[1], segments[0], segments[2]].concat();
    std::fs::write(&path, swapped).unwrap();
    let other = terminal.another();
    assert_eq!(other.failure(&["file", "get", &id]).await.0, 3);
    assert!(other.names().is_empty());
}

/// The replaced object has the right size, but belongs to another file of the same space.
#[tokio::test(flavor = "multi_thread")]
async fn object_of_another_file_is_rejected() {
    let server = server().await;
    let terminal = Terminal::new(&server);
    let one = terminal.put("one", &content(1000)).await;
    let path = object(&server);
    let stored = std::fs::read(&path).unwrap();
    terminal.result(&["file", "rm", &one]).await;
    std::fs::remove_file(&path).unwrap();
    let two = terminal.put("two", &content(1000)).await;
    std::fs::write(object(&server), stored).unwrap();
    let other = terminal.another();
    assert_eq!(other.failure(&["file", "get", &two]).await.0, 3);
    assert!(other.names().is_empty());
}
