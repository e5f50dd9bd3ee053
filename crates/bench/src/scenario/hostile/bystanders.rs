//! Bystanders of an attack: users who push at a fixed rate, each to the personal space of their own.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::connection::{LoadConnection, ServerAddress};
use crate::figures::{Figures, Latencies};
use crate::paced_writer::{Schedule, write};
use crate::period::Period;
use crate::pushes::PushGenerator;
use crate::server::{ServerUnderTest, User};
use crate::tasks::join_all;

/// Size of a bystander's record, in bytes.
const RECORD_BYTES: usize = 1024;

/// Maximum pushes of a bystander without a response; below the number of calls that a connection may have waiting.
const WINDOW: usize = 32;

/// Bystanders, by their users.
#[derive(Debug)]
pub(super) struct Bystanders {
    address: ServerAddress,
    users: Vec<User>,
    interval: Duration,
}

impl Bystanders {
    /// `count` bystanders with `rate` pushes per second each.
    pub(super) async fn new(server: &ServerUnderTest, count: usize, rate: u32) -> anyhow::Result<Self> {
        let users = server.users_named("bystander", count).await?;
        Ok(Self { address: server.address().clone(), users, interval: Duration::from_secs(1) / rate.max(1) })
    }

    /// Pushes until the end of `period`; returns the latencies of all pushes, from the moment that each was due.
    ///
    /// # Errors
    /// A push was rejected, or a connection was lost: bystanders must not suffer from an attack.
    pub(super) async fn push(&self, period: Period) -> anyhow::Result<Latencies> {
        let latencies = Rc::new(RefCell::new(Latencies::new()?));
        let mut tasks = JoinSet::new();
        for user in &self.users {
            let connection = LoadConnection::open(&self.address, &user.token).await?;
            let pushes = PushGenerator::new(user.space, 1, RECORD_BYTES);
            let schedule = Schedule::open(WINDOW, self.interval);
            tasks.spawn_local(write(connection, pushes, schedule, period, latencies.clone()));
        }
        join_all(tasks, "a bystander").await?;
        let recorded = latencies.borrow().clone();
        Ok(recorded)
    }
}

/// Adds the number of pushes and their latencies.
pub(super) fn add_to(figures: &mut Figures, phase: &str, latencies: &Latencies) {
    figures.add(format!("{phase}_pushes"), latencies.count());
    figures.add_latencies(&format!("{phase}_push"), latencies);
}
