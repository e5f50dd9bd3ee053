//! Person of the story: commands of this program with a user and a key directory.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use less_sync_client::ServerUrl;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use crate::palette::Palette;
use crate::target::Target;

pub(super) struct Person {
    pub(super) name: &'static str,
    url: ServerUrl,
    keys: PathBuf,
    program: PathBuf,
    palette: Palette,
}

/// Output of a command.
pub(super) struct Spoken {
    pub(super) text: String,
    pub(super) messages: String,
    is_success: bool,
}

impl Person {
    pub(super) fn new(
        name: &'static str,
        url: ServerUrl,
        keys: PathBuf,
        palette: Palette,
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        Ok(Self { name, url, keys, program, palette })
    }

    /// Server, user and keys, for calls without a command.
    pub(super) fn target(&self) -> Target {
        Target::development(self.url.clone(), self.name, self.keys.clone())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for variable in ["LESS_SYNC_URL", "LESS_SYNC_TOKEN", "LESS_SYNC_KEYS", "CLICOLOR_FORCE"] {
            command.env_remove(variable);
        }
        if self.palette.has_colours() {
            command.env("CLICOLOR_FORCE", "1");
        } else {
            command.env("NO_COLOR", "1");
        }
        command.arg("--url").arg(self.url.base()).args(["--user", self.name]).arg("--keys");
        command.arg(&self.keys).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn spoken(&self, arguments: &[&str], input: Option<&str>) -> anyhow::Result<Spoken> {
        let mut command = self.command(arguments);
        if input.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().context("cannot start a command")?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            stdin.write_all(input.as_bytes()).await.context("cannot write to a command")?;
        }
        let output = child.wait_with_output().await.context("cannot run a command")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let is_success = output.status.success();
        Ok(Spoken { text: text(&output.stdout), messages: text(&output.stderr), is_success })
    }

    /// Output of a command that must succeed.
    pub(super) async fn run(&self, arguments: &[&str], input: Option<&str>) -> anyhow::Result<String> {
        let spoken = self.spoken(arguments, input).await?;
        if !spoken.is_success {
            bail!("{} failed for {}: {}", arguments.join(" "), self.name, spoken.messages);
        }
        Ok(spoken.text)
    }

    /// Messages of a command that must fail.
    pub(super) async fn fails(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let spoken = self.spoken(arguments, None).await?;
        if spoken.is_success {
            bail!("{} succeeded for {}: {}", arguments.join(" "), self.name, spoken.text);
        }
        Ok(spoken.messages)
    }

    /// Starts `tail` in a space, and waits until it watches.
    pub(super) async fn watch(&self, space: &str) -> anyhow::Result<Watching> {
        let mut child =
            self.command(&["tail", "--space", space]).spawn().context("cannot start a command")?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (out, err) = out.zip(err).context("a command has no output")?;
        let (changes, messages) = (BufReader::new(out).lines(), BufReader::new(err).lines());
        let mut watching = Watching { changes, messages, _child: child };
        until(&mut watching.messages, "connected").await?;
        Ok(watching)
    }
}

/// Running `tail`.
pub(super) struct Watching {
    changes: Lines<BufReader<ChildStdout>>,
    messages: Lines<BufReader<ChildStderr>>,
    /// Killed on drop.
    _child: Child,
}

impl Watching {
    /// Next change that contains this text.
    pub(super) async fn change(&mut self, text: &str) -> anyhow::Result<String> {
        until(&mut self.changes, text).await
    }

    /// Next message that contains this text.
    pub(super) async fn message(&mut self, text: &str) -> anyhow::Result<String> {
        until(&mut self.messages, text).await
    }
}

async fn until<R: AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>, text: &str) -> anyhow::Result<String> {
    loop {
        match lines.next_line().await.context("cannot read the output of a command")? {
            Some(line) if line.contains(text) => return Ok(line),
            Some(_) => {}
            None => bail!("tail has ended without \"{text}\""),
        }
    }
}
