//! Connection pool for everything but the committers, which have their own connections: classes that cannot starve each
//! other, fair queues, and nothing held between two operations (storage §3.4).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use less_sync_metrics::Histogram;
use less_sync_storage::{PoolState, StorageError};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::connector::{Connector, IdleConnection};
use crate::error::{Closed, NoConnection, storage_error};
use crate::retry::RetryCounts;
use crate::session::{Session, Watchdog};
use crate::sqlstate::leaves_connection;
use crate::{OpenError, PostgresOptions};

/// Idle time after which connections beyond `kept` are closed.
const UNUSED: Duration = Duration::from_mins(10);

/// Purpose of a connection; each class has its own limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Anything short.
    Request,
    /// A page of a stream. At most half of the connections, so that readers never stop writers.
    Stream,
    /// A push that is big, and whatever else waits for the lock of a space. At most a quarter, since it may take seconds.
    Push,
    /// Health checks and background jobs; one connection is reserved for them.
    Job,
}

/// Names of the classes, in the order of their variants.
const CLASSES: [&str; 4] = ["request", "stream", "push", "job"];

type Permits = [Option<OwnedSemaphorePermit>; 2];

/// Connections, opened on demand and kept.
#[derive(Debug)]
pub(crate) struct Pool {
    connector: Connector,
    acquire_timeout: Duration,
    /// Number of connections that are kept open regardless of their idle time.
    kept: usize,
    /// Idle connections, the most recently used one last.
    idle: Mutex<Vec<IdleConnection>>,
    shared: ConnectionLimit,
    streams: ConnectionLimit,
    pushes: ConnectionLimit,
    jobs: ConnectionLimit,
    waiting: AtomicUsize,
    /// Waits for permits, in the order of [`CLASSES`].
    waits: [Histogram; CLASSES.len()],
    retries: RetryCounts,
}

/// Limit of concurrent connections; further callers wait in a fair queue.
#[derive(Debug)]
struct ConnectionLimit {
    semaphore: Arc<Semaphore>,
    count: u32,
}

impl Pool {
    /// Observer of the backends of the connections.
    pub(crate) fn watchdog(&self) -> &Watchdog {
        self.connector.watchdog()
    }

    /// A pool of `size` connections at most, one of them for jobs. Opens none yet.
    pub(crate) fn new(connector: Connector, size: u32, options: &PostgresOptions) -> Self {
        let shared = size.saturating_sub(1).max(1);
        Self {
            connector,
            acquire_timeout: options.acquire_timeout,
            kept: options.min_connections as usize,
            idle: Mutex::default(),
            shared: ConnectionLimit::new(shared),
            streams: ConnectionLimit::new((shared / 2).max(1)),
            pushes: ConnectionLimit::new((shared / 4).max(1)),
            jobs: ConnectionLimit::new(1),
            waiting: AtomicUsize::new(0),
            waits: std::array::from_fn(|_| Histogram::of_durations()),
            retries: RetryCounts::default(),
        }
    }

    /// Waits for a free connection. Cancelling the wait or dropping the lease releases its permits at once.
    pub(crate) async fn lease(self: &Arc<Self>, class: Class) -> Result<Lease, NoConnection> {
        let started = Instant::now();
        let deadline = started + self.acquire_timeout;
        let granted = {
            let _waiting = Waiting::new(&self.waiting);
            timeout_at(deadline, self.grant(class)).await
        };
        if let Some(waits) = self.waits.get(class as usize) {
            waits.observe(started.elapsed());
        }
        let permits = granted.map_err(|_| NoConnection::Exhausted(self.acquire_timeout))??;
        let connection = self.connection(deadline).await?;
        Ok(Lease { connection, pool: Arc::clone(self), _permits: permits })
    }

    /// Class and waits of each class.
    pub(crate) fn waits(&self) -> impl Iterator<Item = ([&'static str; 1], Histogram)> {
        CLASSES.into_iter().zip(&self.waits).map(|(class, waits)| ([class], waits.clone()))
    }

    /// Retries of all transactions of the database, those of the committers included.
    pub(crate) fn retries(&self) -> &RetryCounts {
        &self.retries
    }

    /// Use of the connections.
    pub(crate) fn state(&self) -> PoolState {
        PoolState {
            idle: self.idle.lock().len(),
            used: self.shared.taken() + self.jobs.taken(),
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }

    /// Acquires the permits of a connection of the class.
    async fn grant(&self, class: Class) -> Result<Permits, Closed> {
        match class {
            Class::Request => Ok([Some(self.shared.take().await?), None]),
            // The permit of the class comes before the shared one: a caller that waits for its class must not hold a
            // connection that other classes could use.
            Class::Stream => {
                let turn = self.streams.take().await?;
                Ok([Some(self.shared.take().await?), Some(turn)])
            }
            Class::Push => {
                let turn = self.pushes.take().await?;
                Ok([Some(self.shared.take().await?), Some(turn)])
            }
            Class::Job => Ok([Some(self.jobs.take().await?), None]),
        }
    }

    /// Takes the most recently used connection, or opens one.
    async fn connection(&self, deadline: Instant) -> Result<Session, OpenError> {
        loop {
            let idle = self.idle.lock().pop();
            let Some(idle) = idle else {
                return self.connector.connect_until(deadline).await;
            };
            if let Some(connection) = self.connector.check(idle).await {
                return Ok(connection);
            }
            self.distrust();
        }
    }

    /// Keeps the `first` connection, and opens more until there are `count`.
    pub(crate) async fn warm_up(&self, first: Session, count: u32) -> Result<(), OpenError> {
        self.keep(first);
        for _ in 1..count {
            self.keep(self.connector.connect().await?);
        }
        Ok(())
    }

    /// Returns a connection to the pool, and closes one that has been idle for long.
    fn keep(&self, connection: Session) {
        let mut idle = self.idle.lock();
        idle.push(IdleConnection::new(connection));
        let longest = idle.first().is_some_and(|first| first.age() > UNUSED);
        let ended = (longest && idle.len() > self.kept).then(|| idle.remove(0));
        drop(idle);
        drop(ended);
    }

    /// Drops all idle connections: the network that lost one session has probably lost the others.
    fn distrust(&self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }

    /// Waits for running operations, rejects all further ones, and closes the sessions.
    pub(crate) async fn close(&self) {
        for turns in [&self.streams, &self.pushes, &self.shared, &self.jobs] {
            turns.close().await;
        }
        let idle = std::mem::take(&mut *self.idle.lock());
        let mut closing: JoinSet<()> = idle.into_iter().map(IdleConnection::close).collect();
        while closing.join_next().await.is_some() {}
        self.connector.close().await;
    }
}

impl ConnectionLimit {
    fn new(count: u32) -> Self {
        Self { semaphore: Arc::new(Semaphore::new(count as usize)), count }
    }

    fn taken(&self) -> usize {
        (self.count as usize).saturating_sub(self.semaphore.available_permits())
    }

    async fn take(&self) -> Result<OwnedSemaphorePermit, Closed> {
        Arc::clone(&self.semaphore).acquire_owned().await.map_err(|_| Closed)
    }

    /// Waits until all permits are released, and grants no more.
    async fn close(&self) {
        if let Ok(all) = self.semaphore.acquire_many(self.count).await {
            self.semaphore.close();
            drop(all);
        }
    }
}

/// Guard that counts a caller as waiting until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection for one operation. Dropping it ends the session, and whatever it was doing.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Session,
    pool: Arc<Pool>,
    _permits: Permits,
}

impl Lease {
    pub(crate) fn connection(&mut self) -> &mut Session {
        &mut self.connection
    }

    /// Replaces a connection whose session has ended by a new one.
    pub(crate) async fn renew(&mut self) -> Result<(), OpenError> {
        self.pool.distrust();
        let deadline = Instant::now() + self.pool.acquire_timeout;
        self.connection = self.pool.connector.connect_until(deadline).await?;
        Ok(())
    }

    /// Ends the operation, and maps its outcome to the contract.
    pub(crate) fn settle<T, R>(self, outcome: Result<T, sqlx::Error>) -> Result<T, StorageError<R>> {
        self.end(&outcome);
        outcome.map_err(storage_error)
    }

    /// Ends the operation: keeps the connection if it is still good after this outcome.
    pub(crate) fn end<T>(self, outcome: &Result<T, sqlx::Error>) {
        self.release(outcome.as_ref().err().is_none_or(leaves_connection));
    }

    /// Ends the operation: keeps the connection if it is `usable`.
    pub(crate) fn release(self, usable: bool) {
        if usable {
            self.pool.keep(self.connection);
        } else {
            self.pool.distrust();
        }
    }
}
