//! `less-sync tail`

mod describe;
mod frames;
mod printer;
mod reader;
mod shown;

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Args;
use less_sync_client::{Event, Options, Session, SpacePlan, Tap, Update, Watch};
use less_sync_core::{Cursor, SpaceId};

use crate::cursor;
use crate::failure::Failure;
use crate::output::{Output, has_reader, message};
use crate::people::People;
use crate::target::Target;
use frames::Frames;
use printer::{Form, Printer, Progress};
use reader::Reader;

#[derive(Debug, Args)]
#[command(
    after_help = "Shows what the keys of the key directory decrypt: time, space, cursor, content, size of the ciphertext. --frames and --json show every frame by its kind, ids, cursors and sizes, with the decrypted content below. Runs until interrupted and reconnects after a lost connection."
)]
pub(crate) struct Arguments {
    /// Spaces to watch [default: the personal space of the token]
    #[arg(long)]
    space: Vec<SpaceId>,
    /// Pull changes after this cursor first, and missed changes after a reconnection
    #[arg(long, value_name = "CURSOR", value_parser = cursor::parse)]
    since: Option<Cursor>,
    /// Show the frames of the protocol
    #[arg(long)]
    frames: bool,
    /// Show sent frames as well, except the access token; implies --frames
    #[arg(long)]
    sent: bool,
    /// Show keepalives as well; implies --frames
    #[arg(long)]
    keepalives: bool,
    /// Exit after this many lines, or frames where frames are shown
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

/// Prints changes until it is interrupted, or the server rejects the connection permanently.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let reader = Reader::new(target, &arguments.space).await?;
    let plan = plan(arguments, &reader);
    let has_frames = json || arguments.frames || arguments.sent || arguments.keepalives;
    let (tap, frames) = Frames::new(arguments.sent, arguments.keepalives);
    let tap: Option<Arc<dyn Tap>> = if has_frames { Some(Arc::new(tap)) } else { None };
    let form = if has_frames { Form::Frames(Output::new(json)) } else { people(&reader) };
    let dialer = target.dialer(Options { tap, ..Options::default() })?;
    message(&format!("watching {}", dialer.endpoint()));
    let session = Session::start(Arc::new(dialer), Arc::new(reader.tokens().clone()), &plan);
    let printer = Printer::new(form, arguments.count);
    let watched = plan.iter().map(|planned| planned.watch.space).collect();
    show(session, (frames, printer), reader, watched).await
}

fn people(reader: &Reader) -> Form {
    let names: std::collections::BTreeMap<_, _> = reader.names().collect();
    Form::People(People::of_stdout(names.values().map(String::as_str)), names)
}

/// Spaces to watch.
fn plan(arguments: &Arguments, reader: &Reader) -> Vec<SpacePlan> {
    let (since, follow) = (arguments.since.unwrap_or_default(), arguments.since.is_some());
    let planned = |watch| SpacePlan { watch: Watch { since, presence: true, ..watch }, follow };
    reader.watches().map(planned).collect()
}

async fn show(
    mut session: Session,
    (mut frames, mut printer): (Frames, Printer),
    mut reader: Reader,
    mut watched: HashSet<SpaceId>,
) -> Result<(), Failure> {
    let outcome = loop {
        tokio::select! {
            biased;
            interrupted = tokio::signal::ctrl_c() => {
                break interrupted.context("cannot listen for signals").map_err(Failure::from);
            }
            frame = frames.next() => {
                if printer.frame(&frame)? == Progress::Done {
                    break Ok(());
                }
            }
            update = session.next() => match update {
                Some(update) => {
                    let mut progress = Progress::More;
                    for shown in reader.read(&update).await {
                        if progress == Progress::More {
                            progress = printer.shown(&shown)?;
                        }
                    }
                    if progress == Progress::Done || !has_reader() {
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
            printer.disconnected();
            let causes: Vec<String> = anyhow::Error::new(cause).chain().map(ToString::to_string).collect();
            message(&format!("{}; next attempt in {:.1} s", causes.join(": "), delay.as_secs_f64()));
        }
        // Printed already.
        Update::Watching(_) | Update::Pulled(_) | Update::Event(_) => {}
    }
    Ok(None)
}
