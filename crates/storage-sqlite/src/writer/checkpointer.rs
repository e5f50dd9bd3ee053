//! Checkpoints beside the writer: a thread with a connection of its own moves pages of the log into the database file.
//!
//! A checkpoint copies a thousand pages and synchronises two files. Within a commit it would delay all users by that; on another
//! connection neither readers nor the writer wait for it. Alone it never empties the log of a busy database: SQLite begins the
//! log anew when all of it has been moved, and meanwhile more is appended. So from [`MAX_LOG_PAGES`] on the writer moves the rest
//! itself, right after a checkpoint of the thread has left little.

use std::cell::Cell;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::{io, thread};

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::checkpoint::{Checkpoint, checkpoint};
use crate::database_file::DatabaseFile;

/// Pages that the log grows by between two checkpoints.
const CHECKPOINT_PAGES: i64 = 1000;

/// Size of the log from which on the writer moves the rest itself, in pages: 47 MiB. SQLite shortens a log above 64 MiB when it begins
/// it anew, and commits must then allocate again: in between is time for checkpoints until the rest is small.
const MAX_LOG_PAGES: i64 = 12_000;

/// Rest that the writer moves itself, in pages, when the log has just reached [`MAX_LOG_PAGES`].
const SMALL_REST: i64 = 250;

/// The rest may be one page larger for each of these pages that the log is longer than [`MAX_LOG_PAGES`].
const PAGES_PER_REST: i64 = 16;

/// Pages that the log grows by between two checkpoints of the writer, if a reader keeps it from being begun anew.
const OWN_PAGES: i64 = 250;

thread_local! {
    /// Pages of the log after the last commit of this thread.
    static LOG_PAGES: Cell<i64> = const { Cell::new(0) };
}

/// Records the size of the log after each commit of `connection`, for [`log_pages`] on the thread that commits. Replaces the
/// automatic checkpoints of SQLite.
pub(super) fn observe_log(connection: &Connection) {
    connection.wal_hook(Some(|_, pages| {
        LOG_PAGES.set(i64::from(pages));
        Ok(())
    }));
}

/// Pages of the log after the last commit of this thread.
pub(super) fn log_pages() -> i64 {
    LOG_PAGES.get()
}

/// Checkpoint that is due after a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    None,
    /// Checkpoint beside the writer.
    Beside,
    /// Checkpoint by the writer itself.
    Own,
}

/// Decision on checkpoints, by the size of the log (pure, no I/O).
#[derive(Debug, Default)]
struct Policy {
    /// Pages of the log at the last look.
    pages: i64,
    /// Pages of the log when a checkpoint beside the writer was last due.
    beside_at: i64,
    /// Pages of the log after the last checkpoint of the writer.
    own_at: i64,
}

impl Policy {
    /// Looks at a log of `pages` pages, of which `moved` had been moved by the last checkpoint beside the writer; `None` while
    /// one runs.
    fn look(&mut self, pages: i64, moved: Option<i64>) -> Due {
        if pages < self.pages {
            *self = Self::default();
        }
        self.pages = pages;
        let Some(moved) = moved else { return Due::None };
        if pages >= MAX_LOG_PAGES && pages - self.own_at >= OWN_PAGES {
            let small = SMALL_REST + (pages - MAX_LOG_PAGES) / PAGES_PER_REST;
            if pages - moved <= small || pages >= 2 * MAX_LOG_PAGES {
                self.own_at = pages;
                return Due::Own;
            }
            self.beside_at = pages;
            return Due::Beside;
        }
        if pages - self.beside_at >= CHECKPOINT_PAGES {
            self.beside_at = pages;
            return Due::Beside;
        }
        Due::None
    }
}

/// State that the writer shares with the thread. The lock is held for no I/O.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Signalled when a checkpoint is due, and when the thread is to end.
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// True from the request of a checkpoint to its end.
    is_busy: bool,
    is_closed: bool,
    /// Pages of the log that the last checkpoint found moved at its end.
    moved: i64,
}

/// Thread that makes checkpoints, as the writer holds it. When it is dropped the thread ends after the checkpoint that it is
/// making, and its connection is closed.
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    policy: Policy,
}

impl Checkpointer {
    /// Starts the thread, which takes `connection` to the database `file`.
    pub(super) fn start(connection: Connection, file: Arc<DatabaseFile>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let running = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("sqlite-checkpoint".to_owned())
            .spawn(move || running.run(&connection, &file))?;
        Ok(Self { shared, thread: Some(thread), policy: Policy::default() })
    }

    /// Reacts to a commit by `writer` that left `pages` pages in the log.
    pub(super) fn committed(&mut self, writer: &Connection, pages: i64) {
        match self.policy.look(pages, self.shared.moved()) {
            Due::None => {}
            Due::Beside => self.shared.request(),
            Due::Own => log_failure(checkpoint(writer, "PASSIVE")),
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.shared.state.lock().is_closed = true;
        self.shared.wake.notify_one();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("checkpoint thread panicked");
        }
    }
}

impl Shared {
    /// Pages that the last checkpoint found moved; `None` while one is due or running.
    fn moved(&self) -> Option<i64> {
        let state = self.state.lock();
        (!state.is_busy).then_some(state.moved)
    }

    fn request(&self) {
        self.state.lock().is_busy = true;
        self.wake.notify_one();
    }

    fn run(&self, connection: &Connection, file: &DatabaseFile) {
        while self.wait() {
            let done = checkpoint(connection, "PASSIVE");
            let moved = done.as_ref().map_or(0, |done| done.moved_pages);
            let has_moved = moved != self.state.lock().moved;
            // SQLite synchronises the file only after a checkpoint that leaves no page, which the thread hardly ever reaches. That of
            // the writer, which does, would wait for everything that the thread has written until then.
            if has_moved && let Err(error) = file.synchronise() {
                tracing::warn!(%error, "failed to synchronise the database file");
            }
            let mut state = self.state.lock();
            state.is_busy = false;
            state.moved = moved;
            drop(state);
            log_failure(done);
        }
    }

    /// Waits for a request; false if the thread is to end.
    fn wait(&self) -> bool {
        let mut state = self.state.lock();
        while !state.is_busy && !state.is_closed {
            self.wake.wait(&mut state);
        }
        !state.is_closed
    }
}

fn log_failure(done: rusqlite::Result<Checkpoint>) {
    // The log stays longer; no commit is lost.
    if let Err(error) = done {
        tracing::warn!(%error, "failed to checkpoint the write-ahead log");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoint_is_due_whenever_the_log_has_grown_by_a_thousand_pages() {
        let mut policy = Policy::default();
        assert_eq!(policy.look(999, Some(0)), Due::None);
        assert_eq!(policy.look(1000, Some(0)), Due::Beside);
        assert_eq!(policy.look(2500, None), Due::None, "one is running");
        assert_eq!(policy.look(2600, Some(1000)), Due::Beside);
        assert_eq!(policy.look(2700, Some(2600)), Due::None);
        assert_eq!(policy.look(3, Some(2600)), Due::None, "the log was begun anew");
        assert_eq!(policy.look(1003, Some(2600)), Due::Beside);
    }

    #[test]
    fn writer_moves_a_small_rest_of_a_large_log() {
        const MAX: i64 = MAX_LOG_PAGES;
        let mut policy = Policy { pages: MAX, beside_at: MAX - 10, own_at: 0 };
        assert_eq!(policy.look(MAX, Some(MAX - 300)), Due::Beside);
        assert_eq!(policy.look(MAX + 100, None), Due::None);
        assert_eq!(policy.look(MAX + 300, Some(MAX + 100)), Due::Own);
        assert_eq!(policy.look(MAX + 310, Some(MAX + 100)), Due::None, "a reader holds the log");
        assert_eq!(policy.look(MAX + 550, Some(MAX + 400)), Due::Own);
        assert_eq!(policy.look(20, Some(MAX)), Due::None);
    }

    #[test]
    fn rest_may_be_larger_the_longer_the_log_is() {
        let after = |pages, rest| {
            let mut policy = Policy { pages, beside_at: pages - 10, own_at: 0 };
            policy.look(pages, Some(pages - rest))
        };
        assert_eq!(after(MAX_LOG_PAGES, SMALL_REST), Due::Own);
        assert_eq!(after(MAX_LOG_PAGES, SMALL_REST + 50), Due::Beside);
        assert_eq!(after(MAX_LOG_PAGES + 50 * PAGES_PER_REST, SMALL_REST + 50), Due::Own);
    }

    #[test]
    fn writer_moves_a_log_of_twice_the_size_in_any_case() {
        let mut policy = Policy::default();
        assert_eq!(policy.look(2 * MAX_LOG_PAGES, Some(0)), Due::Own);
    }
}
