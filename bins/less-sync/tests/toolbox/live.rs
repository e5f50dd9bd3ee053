//! Commands for people: `tail` without frames, `presence`, `event`.

use std::process::Stdio;

use less_sync_client::{Event, Watch};
use less_sync_core::SpaceId;
use less_sync_test_support::{Device, TestServer, within};
use pretty_assertions::assert_eq;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::program::{Shell, stderr};
use crate::sharing::toolbox_user::ToolboxUser;
use crate::terminal::Terminal;

/// Running command, and its lines.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits for a message on standard error.
    async fn until_message(&mut self, text: &str) {
        let mut messages = BufReader::new(self.child.stderr.as_mut().unwrap()).lines();
        while !within("a message", messages.next_line()).await.unwrap().unwrap().contains(text) {}
    }

    /// Columns of the next line.
    async fn columns(&mut self) -> Vec<String> {
        let line = within("a line", self.lines.next_line()).await.unwrap().unwrap();
        line.split("  ").map(str::trim).filter(|column| !column.is_empty()).map(str::to_owned).collect()
    }

    /// Interrupts the command; it must succeed.
    async fn interrupt(mut self) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
        assert!(within("the command to end", self.child.wait()).await.unwrap().success());
    }
}

async fn watch(shell: &impl Shell, arguments: &[&str]) -> Running {
    let mut tail = Running::start(shell.command(&[&["tail"], arguments].concat()));
    tail.until_message("connected").await;
    tail
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_shows_people_what_happens_without_frames() {
    let server = TestServer::builder().files().start().await;
    let terminal = Terminal::new(&server);
    let mut tail = watch(&terminal, &[]).await;
    terminal.run_with_input(&["push"], "hello\n").await;
    let columns = tail.columns().await;
    assert_eq!(columns[0].split(':').map(str::len).collect::<Vec<_>>(), [2, 2, 2], "local time");
    assert_eq!(columns[1..5], ["personal", "#1", "\"hello\"", "35 B sealed"]);
    assert_eq!(columns[5].len(), 8);
    terminal.put("map.png", b"12345").await;
    assert_eq!(tail.columns().await[3], "map.png (5 B)");
    assert_eq!(tail.columns().await[3], "file stored");
    tail.interrupt().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_and_events_are_sealed_and_shown_to_members() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|name| ToolboxUser::new(&server, name));
    let space = alice.create("notes").await;
    alice.invite(&bob, "read").await;
    bob.accept().await;
    let mut tail = watch(&alice, &["--space", &space]).await;
    // A client without keys sees what the server relays.
    let ucan = Some(alice.ucan(&space));
    let (connection, mut events) = alice.connect_with_events().await;
    let watched: SpaceId = space.parse().unwrap();
    connection.subscribe(&[Watch { ucan, ..Watch::from(watched) }]).await.unwrap();

    let mut present = Running::start(bob.command(&["presence", "reading", "--space", &space]));
    present.until_message("present in notes").await;
    let shown = tail.columns().await;
    assert_eq!(shown[1..4], ["notes", "is here: \"reading\"", "40 B sealed"]);
    let relayed = within("a notification", events.next()).await.unwrap();
    let Event::Presence(said) = relayed else { panic!("{relayed:?}") };
    assert!(!said.data.windows(4).any(|part| part == b"read"), "{said:?}");
    let listed = alice.result(&["presence", "--space", &space]).await;
    assert_eq!((&listed["kind"], &listed["text"]), (&"presence".into(), &"reading".into()));
    assert!(bob.run(&["event", "psst", "--space", &space]).await.status.success());
    assert_eq!(tail.columns().await[2], "event: \"psst\"");
    present.interrupt().await;
    assert_eq!(tail.columns().await[2], "left");
    let output = alice.run(&["presence", "--space", &space]).await;
    assert_eq!(stderr(&output), "nobody else is present in notes\n");
    tail.interrupt().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_the_server_would_ignore_is_rejected() {
    let server = TestServer::start().await;
    let terminal = Terminal::new(&server);
    let mut device = Device::connect(&server).await;
    device.subscribe().await;
    let fits = "x".repeat(4096 - 33);
    assert!(terminal.run(&["event", &fits]).await.status.success());
    assert!(matches!(device.next_event().await, Event::Ephemeral(said) if said.data.len() == 4096));
    for arguments in [["event", &format!("{fits}x")], ["presence", &"x".repeat(1024)]] {
        let (code, text) = terminal.failure(&arguments).await;
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("bytes are relayed") || text.contains("are relayed"), "{text}");
    }
}
