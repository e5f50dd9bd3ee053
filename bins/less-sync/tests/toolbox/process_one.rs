//! Commands as the first process of a container, which has no default action for signals.

use std::process::Stdio;

use less_sync_test_support::within;
use tokio::process::{Child, Command};

use crate::program::program;

/// Starts the program as process 1 of a namespace of processes.
fn start(arguments: &[&str], keys: &std::path::Path) -> Child {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--pid", "--fork", "--kill-child", "--"]);
    let program = program(arguments);
    command.arg(program.as_std().get_program()).args(program.as_std().get_args()).env("LESS_SYNC_KEYS", keys);
    command.stdin(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

/// Id of the only child of a process, once it handles SIGHUP, SIGINT and SIGTERM.
async fn child_with_handlers(parent: u32) -> String {
    // Bit n − 1 of the mask stands for signal n: 1, 2 and 15.
    const HANDLED: u64 = 0x4003;
    let caught = |child: &str| {
        let status = std::fs::read_to_string(format!("/proc/{child}/status")).ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    };
    within("a process that handles signals", async {
        loop {
            let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
            let child = children.unwrap_or_default().trim().to_owned();
            let is_program = std::fs::read_to_string(format!("/proc/{child}/comm"))
                .is_ok_and(|name| name.trim() == "less-sync");
            if is_program && caught(&child).is_some_and(|mask| mask & HANDLED == HANDLED) {
                return child;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_end_a_command_that_waits_for_input_or_a_lock() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let locked = folder.path().join("locked");
    let exported = folder.path().join("key");
    let space = "11111111-1111-1111-1111-111111111111";
    let secret = "A".repeat(43);
    std::fs::write(&exported, format!(r#"{{"version":1,"space":"{space}","key":"{secret}"}}"#)).unwrap();
    let imported =
        program(&["key", "import", exported.to_str().unwrap()]).env("LESS_SYNC_KEYS", &locked).output();
    assert!(imported.await.unwrap().status.success());
    let lock = std::fs::File::open(locked.join("lock")).unwrap();
    lock.lock().unwrap();
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        for (arguments, keys) in
            [(["key", "import", "-"], &keys), (["key", "import", exported.to_str().unwrap()], &locked)]
        {
            let mut process = start(&arguments, keys);
            // Held to the end: waiting for a process closes its standard input.
            let _input = process.stdin.take();
            let child = child_with_handlers(process.id().unwrap()).await;
            let killed = std::process::Command::new("kill").args([&format!("-{signal}"), &child]).status();
            assert!(killed.unwrap().success());
            let status = within("the command to end", process.wait()).await.unwrap();
            assert_eq!(status.code(), Some(code), "{signal} {arguments:?}");
        }
    }
}
