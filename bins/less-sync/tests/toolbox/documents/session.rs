//! Shell session that runs the blocks of a document.

use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use less_sync_test_support::{DEADLINE, EmptyEnvironment as _, free_address};
use tempfile::TempDir;

use super::script::{Block, Mark, missing};
use crate::development_server;

/// Stand-in for `cargo`, which starts a built program with the arguments after `--`.
const CARGO: &str = r#"#!/bin/sh
while [ "$1" != -p ]; do shift; done
program=$2
while [ "$1" != -- ]; do shift; done
shift
exec "$PROGRAMS/$program" "$@"
"#;

/// Limit of a block, which starts several programs, or creates a schema on a busy machine.
const PATIENCE: Duration = DEADLINE.saturating_mul(6);

/// Fresh directory with its shell: functions and variables of a block are there in those after it.
pub(crate) struct Session {
    folder: TempDir,
    environment: Vec<(String, String)>,
    /// Free ports in the place of those of the documents.
    ports: Vec<(&'static str, u16)>,
    /// Blocks that have run in the shell.
    history: PathBuf,
    running: Vec<(String, Child)>,
    blocks: usize,
    last: String,
}

impl Session {
    pub(crate) fn new(environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("bin");
        std::fs::create_dir(&programs).unwrap();
        let cargo = programs.join("cargo");
        std::fs::write(&cargo, CARGO).unwrap();
        std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::copy(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md"),
            folder.path().join("README.md"),
        )
        .unwrap();
        // The second server has an address of its own.
        let written = ["127.0.0.1:5379", "127.0.0.1:5380", "127.0.0.1:9090", "127.0.0.2:5381"];
        let ports = written.map(|address| (address, free_address().port()));
        let [(_, port), _, (_, admin_port), _] = ports;
        let built = development_server::program();
        for name in ["less-sync", "less-sync-server", "less-sync-migrate"] {
            let program = built.with_file_name(name);
            assert!(program.exists(), "no program {name}: run `cargo build --workspace`");
            std::os::unix::fs::symlink(program, programs.join(name)).unwrap();
        }
        let path = std::env::var_os("PATH").unwrap_or_default().into_string().unwrap();
        let mut variables = vec![
            ("PATH".to_owned(), format!("{}:{path}", programs.display())),
            ("PROGRAMS".to_owned(), built.parent().unwrap().display().to_string()),
            ("HOME".to_owned(), folder.path().display().to_string()),
            ("LISTEN_ADDR".to_owned(), format!("127.0.0.1:{port}")),
            ("LESS_SYNC_URL".to_owned(), format!("http://127.0.0.1:{port}")),
            ("LESS_SYNC_ADMIN_URL".to_owned(), format!("http://127.0.0.1:{admin_port}")),
            // A busy machine may start the programs of a pipe late.
            ("WS_AUTH_TIMEOUT".to_owned(), "60s".to_owned()),
            // As `cargo run` sets it.
            ("LESS_SYNC_VERSION".to_owned(), "0.0.0".to_owned()),
        ];
        variables.extend(environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let history = folder.path().join("history.sh");
        std::fs::write(&history, "").unwrap();
        Self {
            folder,
            environment: variables,
            ports: ports.into(),
            history,
            running: Vec::new(),
            blocks: 0,
            last: String::new(),
        }
    }

    /// Runs blocks in order, and compares what they print.
    pub(crate) async fn run(&mut self, blocks: &[Block]) {
        for (at, block) in blocks.iter().enumerate() {
            let replace = |text: String, (written, port): &(&str, u16)| {
                let (host, _) = written.split_once(':').unwrap();
                text.replace(written, &format!("{host}:{port}"))
            };
            let text = self.ports.iter().fold(block.text.clone(), replace);
            match &block.mark {
                Mark::Run => self.shell(&text, true).await,
                Mark::Fails => self.shell(&text, false).await,
                Mark::Background(name) => {
                    self.start(name, &text);
                    if let Some(promised) = ready_line(name) {
                        self.until_printed(name, promised).await;
                    } else if !is_promised(blocks.get(at + 1), name) {
                        // Waits for the connection, so that the blocks after this one are seen.
                        self.until_printed(name, "connected").await;
                    }
                }
                Mark::NotRun => {}
                Mark::Prints(Some(name)) => self.until_printed(name, &text).await,
                Mark::Prints(None) => {
                    let absent = missing(&text, &self.last);
                    assert_eq!(
                        absent, None,
                        "is not printed by the block before, which printed:\n{}",
                        self.last
                    );
                }
            }
        }
    }

    /// Ends a block in the background; returns what it has printed.
    pub(crate) fn end(&mut self, name: &str) -> String {
        let at = self.running.iter().position(|(running, _)| running == name).unwrap();
        let (_, mut child) = self.running.remove(at);
        kill(&mut child);
        std::fs::read_to_string(self.output(name)).unwrap()
    }

    /// Runs a block with the functions and variables of those before.
    async fn shell(&mut self, text: &str, succeeds: bool) {
        self.blocks += 1;
        let (script, output) = (self.folder.path().join("block.sh"), self.output(&self.blocks.to_string()));
        std::fs::write(&script, text).unwrap();
        let state = self.history.display();
        let command = format!(
            "set -eo pipefail; source {state}; exec > {} 2>&1; source {}; {{ declare -p address space 2>/dev/null || true; declare -f; }} > {state}",
            output.display(),
            script.display()
        );
        let mut shell = tokio::process::Command::from(self.command(&command));
        let mut shell = shell.kill_on_drop(true).spawn().unwrap();
        let status = tokio::time::timeout(PATIENCE, shell.wait()).await.unwrap().unwrap();
        self.last = std::fs::read_to_string(output).unwrap();
        assert_eq!(status.success(), succeeds, "{text}\n\nprinted:\n{}", self.last);
    }

    fn start(&mut self, name: &str, text: &str) {
        let script = self.folder.path().join(format!("{name}.sh"));
        // The shell becomes the last command, which is ended with it.
        std::fs::write(&script, text).unwrap();
        let command = format!("source {}; source {}", self.history.display(), script.display());
        let output = File::create(self.output(name)).unwrap();
        let mut command = self.command(&command);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
        self.running.push((name.to_owned(), child));
    }

    async fn until_printed(&self, name: &str, promised: &str) {
        let path = self.output(name);
        let printed = || std::fs::read_to_string(&path).unwrap_or_default();
        let all = async {
            while let Some(line) = missing(promised, &printed()) {
                assert!(!line.is_empty());
                tokio::task::yield_now().await;
            }
        };
        let is_complete = tokio::time::timeout(PATIENCE, all).await.is_ok();
        assert!(is_complete, "{name} does not print:\n{promised}\n\nbut:\n{}", printed());
    }

    fn output(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.out"))
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        command
            .args(["-c", script])
            .empty_environment()
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }
}

/// Line that the block of a server prints when it is ready.
fn ready_line(name: &str) -> Option<&'static str> {
    match name {
        "server" | "other" => Some("less-sync is ready for development"),
        "production" => Some("…server listening…"),
        "issuer" => Some("…issuer listening…"),
        _ => None,
    }
}

fn is_promised(next: Option<&Block>, name: &str) -> bool {
    next.is_some_and(|next| next.mark == Mark::Prints(Some(name.to_owned())))
}

/// Kills a block with all its processes.
fn kill(child: &mut Child) {
    let group = format!("-{}", child.id());
    let _already_ended = Command::new("kill").args(["-KILL", "--", &group]).status();
    let _already_waited = child.wait();
}

impl Drop for Session {
    fn drop(&mut self) {
        self.running.iter_mut().for_each(|(_, child)| kill(child));
    }
}
