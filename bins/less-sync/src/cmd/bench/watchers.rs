//! Many connections that watch one space, and what reaches them when.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use super::figures::{Figures, Latencies};
use super::frames::Sink;
use super::link::{Address, Link};
use super::loads::Span;
use super::subject::{Subject, User};
use crate::clock;

/// Dials at once; the listen queue of a server is finite.
const DIALS: usize = 64;

/// Opens connections that watch the space of their user, who take turns.
pub(super) async fn dial(address: &Address, users: &[User], count: usize) -> anyhow::Result<Vec<Link>> {
    let dials = users.iter().cycle().take(count).map(|user| async move {
        let mut link = Link::open(address, &user.token).await?;
        link.subscribe(user.space, user.ucan.as_deref()).await?;
        anyhow::Ok(link)
    });
    stream::iter(dials).buffer_unordered(DIALS).try_collect().await.context("cannot open the connections")
}

/// Connections that watch the space of one user, and are read until this is dropped.
#[derive(Debug)]
pub(super) struct Crowd {
    pub(super) board: Rc<Board>,
    _readers: JoinSet<()>,
}

impl Crowd {
    /// Opens `count` connections, with `window` things on their way to them at once.
    pub(super) async fn gather(
        subject: &Subject,
        user: &User,
        count: usize,
        window: u16,
    ) -> anyhow::Result<Self> {
        let links = dial(subject.address(), std::slice::from_ref(user), count).await?;
        let board = Board::new(count, window.into())?;
        let readers = board.watch(links);
        Ok(Self { board, _readers: readers })
    }

    /// What reaches them within the span, and what it costs the server.
    pub(super) async fn measure(
        &self,
        subject: &Subject,
        span: Span,
        figures: &mut Figures,
    ) -> anyhow::Result<Tally> {
        span.begin().await;
        self.board.clear();
        let meter = subject.meter()?;
        span.end().await;
        meter.add_to(figures)?;
        Ok(self.board.tally())
    }
}

/// Counts deliveries, and holds back what would be too much at once.
///
/// The n-th notification of every watcher is taken for the n-th thing that was sent, because one space has one
/// order. With several writers that is so on average only: their pushes overtake each other before they are committed.
#[derive(Debug)]
pub(super) struct Board {
    watchers: u64,
    state: RefCell<State>,
    complete: Cell<u64>,
    deliveries: Cell<u64>,
    closed: Cell<u64>,
    /// One permit for everything that may be sent.
    room: Semaphore,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// When each thing was sent, and how many watchers have it.
    sent: Vec<(Instant, u64)>,
    /// Every delivery.
    each: Latencies,
    /// The last delivery of each thing.
    last: Latencies,
}

/// What the board has counted since it was last cleared.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) deliveries: u64,
    pub(super) each: Latencies,
    pub(super) last: Latencies,
}

impl Board {
    /// For this many watchers, with this many things on their way at once.
    pub(super) fn new(watchers: usize, window: usize) -> anyhow::Result<Rc<Self>> {
        let state = State { sent: Vec::new(), each: Latencies::new()?, last: Latencies::new()? };
        Ok(Rc::new(Self {
            watchers: watchers as u64,
            state: RefCell::new(state),
            complete: Cell::new(0),
            deliveries: Cell::new(0),
            closed: Cell::new(0),
            room: Semaphore::new(window),
            changed: Notify::new(),
        }))
    }

    /// Lets every connection be read until it ends.
    pub(super) fn watch(self: &Rc<Self>, links: Vec<Link>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for link in links {
            tasks.spawn_local(self.clone().read(link));
        }
        tasks
    }

    async fn read(self: Rc<Self>, mut link: Link) {
        let mut watcher = Watcher { board: &self, delivered: 0, now: None };
        while link.read(&mut watcher).await.is_ok() {
            watcher.now = None;
        }
        self.closed.set(self.closed.get() + 1);
        self.room.close();
        self.changed.notify_one();
    }

    /// Whether something may be sent now; if so, it counts as sent.
    pub(super) fn may_send(&self) -> bool {
        let Ok(permit) = self.room.try_acquire() else { return false };
        permit.forget();
        self.state.borrow_mut().sent.push((clock::instant(), 0));
        true
    }

    /// Waits until something may be sent, or a watcher is gone. Safe to cancel.
    pub(super) async fn room(&self) {
        // It fails when a watcher is gone, which is for the caller to see.
        let _permit = self.room.acquire().await;
    }

    /// Things that were sent and that not every watcher has.
    pub(super) fn outstanding(&self) -> u64 {
        self.state.borrow().sent.len() as u64 - self.complete.get()
    }

    pub(super) fn sent(&self) -> u64 {
        self.state.borrow().sent.len() as u64
    }

    /// Watchers whose connection has ended.
    pub(super) fn closed(&self) -> u64 {
        self.closed.get()
    }

    /// Waits until everything that was sent is complete; `false` when nothing more arrives.
    pub(super) async fn settle(&self) -> bool {
        const PATIENCE: Duration = Duration::from_secs(5);
        while self.outstanding() > 0 && self.closed() == 0 {
            let before = self.deliveries.get();
            let moved = tokio::time::timeout(PATIENCE, self.changed.notified()).await.is_ok();
            if !moved && before == self.deliveries.get() {
                return false;
            }
        }
        self.outstanding() == 0
    }

    /// Forgets the figures, not what is outstanding: the end of a warm-up.
    pub(super) fn clear(&self) {
        self.deliveries.set(0);
        let mut state = self.state.borrow_mut();
        state.each.clear();
        state.last.clear();
    }

    /// The figures so far.
    pub(super) fn tally(&self) -> Tally {
        let state = self.state.borrow();
        Tally { deliveries: self.deliveries.get(), each: state.each.clone(), last: state.last.clone() }
    }

    fn delivered(&self, index: u64, now: Instant) {
        self.deliveries.set(self.deliveries.get() + 1);
        let mut state = self.state.borrow_mut();
        let State { sent, each, last } = &mut *state;
        let Some((at, count)) = usize::try_from(index).ok().and_then(|index| sent.get_mut(index)) else {
            return;
        };
        let latency = now.saturating_duration_since(*at);
        *count += 1;
        each.record(latency);
        if *count == self.watchers {
            last.record(latency);
            self.complete.set(self.complete.get() + 1);
            self.room.add_permits(1);
            self.changed.notify_one();
        }
    }
}

struct Watcher<'b> {
    board: &'b Board,
    delivered: u64,
    /// When the bytes at hand were read; asked for once per read.
    now: Option<Instant>,
}

impl Sink for Watcher<'_> {
    fn notification(&mut self) {
        let now = *self.now.get_or_insert_with(clock::instant);
        self.board.delivered(self.delivered, now);
        self.delivered += 1;
    }

    fn chunk(&mut self, _payload_bytes: u64) {}

    fn response(&mut self, _payload: &[u8]) {}

    fn ping(&mut self, _payload: &[u8]) {}

    fn close(&mut self, _code: u16) {}
}
