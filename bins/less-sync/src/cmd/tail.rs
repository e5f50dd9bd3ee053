//! `less-sync tail`

mod describe;
mod reader;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use clap::Args;
use less_sync_client::{Event, Options, Session, SpacePlan, Tap, Update, Watch};
use less_sync_core::{Cursor, SpaceId};
use time::OffsetDateTime;
use tokio::sync::mpsc;

use crate::clock;
use crate::cursor;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, has_reader, message, write_bare};
use crate::target::Target;
use reader::Reader;

/// Maximum frames queued for printing; further frames are dropped and counted.
const HELD: usize = 4096;

#[derive(Debug, Args)]
#[command(
    after_help = "Payloads are shown by their sizes only. Records that the keys of the key directory decrypt follow their frame, and so do changes of files. Runs until interrupted and reconnects after a lost connection."
)]
pub(crate) struct Arguments {
    /// Spaces to watch [default: the personal space of the token]
    #[arg(long)]
    space: Vec<SpaceId>,
    /// Pull changes after this cursor first, and missed changes after a reconnection
    #[arg(long, value_name = "CURSOR", value_parser = cursor::parse)]
    since: Option<Cursor>,
    /// Show sent frames as well, except the access token
    #[arg(long)]
    sent: bool,
    /// Show keepalives as well
    #[arg(long)]
    keepalives: bool,
    /// Exit after this many frames
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

/// Prints frames until it is interrupted, or the server rejects the connection permanently.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let output = Output::new(json);
    let reader = Reader::new(target, &arguments.space, output).await?;
    let plan = plan(arguments, &reader);
    let (tap, frames) = Frames::new(arguments);
    let options = Options { tap: Some(Arc::new(tap)), ..Options::default() };
    let dialer = target.dialer(options)?;
    message(&format!("watching {}", dialer.endpoint()));
    let session = Session::start(Arc::new(dialer), Arc::new(reader.tokens().clone()), &plan);
    let printer = Printer { frames, output, left: arguments.count, is_connected: false };
    let watched = plan.iter().map(|planned| planned.watch.space).collect();
    show(session, printer, reader, watched).await
}

/// Spaces to watch.
fn plan(arguments: &Arguments, reader: &Reader) -> Vec<SpacePlan> {
    let (since, follow) = (arguments.since.unwrap_or_default(), arguments.since.is_some());
    let planned = |watch| SpacePlan { watch: Watch { since, presence: true, ..watch }, follow };
    reader.watches().map(planned).collect()
}

async fn show(
    mut session: Session,
    mut printer: Printer,
    mut reader: Reader,
    mut watched: HashSet<SpaceId>,
) -> Result<(), Failure> {
    let outcome = loop {
        tokio::select! {
            biased;
            interrupted = tokio::signal::ctrl_c() => {
                break interrupted.context("cannot listen for signals").map_err(Failure::from);
            }
            frame = printer.frames.next() => {
                if printer.print(&frame)? == Progress::Done {
                    break Ok(());
                }
            }
            update = session.next() => match update {
                Some(update) => {
                    reader.read(&update).await?;
                    if !has_reader() {
                        break Ok(());
                    }
                    if let Some(space) = report(update, &mut printer)? {
                        watched.remove(&space);
                        if watched.is_empty() {
                            break Err(anyhow!("access to every watched space has ended").into());
                        }
                    }
                }
                None => break Err(anyhow!("the session ended").into()),
            },
        }
    };
    tokio::select! {
        () = session.close() => outcome,
        // A second signal exits without waiting for the close (operations §1).
        _ = tokio::signal::ctrl_c() => std::process::exit(INTERRUPTED),
    }
}

/// Exit code of a process interrupted by SIGINT: 128 + 2.
const INTERRUPTED: i32 = 130;

/// Reports changes of the connection on standard error; returns a space to which access has ended.
fn report(update: Update, printer: &mut Printer) -> Result<Option<SpaceId>, Failure> {
    match update {
        Update::Connected => printer.connected(),
        Update::Rejected { space, code } => {
            message(&format!("no access to space {space}: {code}"));
            return Ok(Some(space));
        }
        Update::Event(Event::Revoked { space, reason }) => {
            message(&format!("access to space {space} has ended: {reason}"));
            return Ok(Some(space));
        }
        Update::Skipped { space } => message(&format!("space {space} cannot be pulled")),
        Update::Interrupted { cause, retry_in: None } => {
            return Err(anyhow::Error::new(cause)
                .context("the server rejected the connection permanently")
                .into());
        }
        Update::Interrupted { cause, retry_in: Some(delay) } => {
            printer.is_connected = false;
            let causes: Vec<String> = anyhow::Error::new(cause).chain().map(ToString::to_string).collect();
            message(&format!("{}; next attempt in {:.1} s", causes.join(": "), delay.as_secs_f64()));
        }
        // Printed as frames.
        Update::Watching(_) | Update::Pulled(_) | Update::Event(_) => {}
    }
    Ok(None)
}

/// Message of the connection.
#[derive(Debug)]
struct Frame {
    time: OffsetDateTime,
    is_sent: bool,
    message: Bytes,
    /// Messages dropped before this one because the queue was full.
    lost: u64,
}

/// Tap of the connection, which queues messages.
struct FrameTap {
    frames: mpsc::Sender<Frame>,
    lost: AtomicU64,
    sent: bool,
    keepalives: bool,
}

/// Receiver of queued messages.
struct Frames(mpsc::Receiver<Frame>);

impl Frames {
    fn new(arguments: &Arguments) -> (FrameTap, Self) {
        let (frames, receiver) = mpsc::channel(HELD);
        let Arguments { sent, keepalives, .. } = *arguments;
        (FrameTap { frames, lost: AtomicU64::new(0), sent, keepalives }, Self(receiver))
    }

    async fn next(&mut self) -> Frame {
        match self.0.recv().await {
            Some(frame) => frame,
            // The tap is dropped with the session, whose end arrives as an update.
            None => std::future::pending().await,
        }
    }
}

impl FrameTap {
    fn show(&self, is_sent: bool, message: &Bytes) {
        let is_keepalive = **message == *less_sync_core::frame::KEEPALIVE;
        if is_keepalive && !self.keepalives {
            return;
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let frame = Frame { time: clock::now(), is_sent, message: message.clone(), lost };
        if self.frames.try_send(frame).is_err() {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }
}

impl Tap for FrameTap {
    fn received(&self, message: &Bytes) {
        self.show(false, message);
    }

    fn sent(&self, message: &Bytes) {
        if self.sent {
            self.show(true, message);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    More,
    Done,
}

struct Printer {
    frames: Frames,
    output: Output,
    left: Option<u64>,
    /// True once the connection was reported: before its first frame.
    is_connected: bool,
}

impl Printer {
    fn connected(&mut self) {
        if !std::mem::replace(&mut self.is_connected, true) {
            message("connected");
        }
    }

    fn print(&mut self, frame: &Frame) -> anyhow::Result<Progress> {
        self.connected();
        if frame.lost > 0 {
            message(&format!("{} frames were dropped because output was too slow", frame.lost));
        }
        let mut line = Fields::new();
        if self.output.is_json() {
            line = line.with("time", clock::rfc3339(frame.time));
        }
        line = line.with_some("sent", frame.is_sent.then_some(true));
        line = describe::describe(line, frame.is_sent, &frame.message);
        self.write(frame, &line).context("cannot write the frame")?;
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(if self.left == Some(0) || !has_reader() { Progress::Done } else { Progress::More })
    }

    fn write(&self, frame: &Frame, line: &Fields) -> std::io::Result<()> {
        if self.output.is_json() {
            return self.output.write(line);
        }
        write_bare(&format!("{} {}", clock::time_of_day(frame.time), line.to_text()))
    }
}
