//! Bystanders of an attack: users who push at a fixed rate, each to the personal space of their own.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, LocalSet};

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

/// Attacked p99 that is good enough whatever it was undisturbed, in milliseconds.
const ALWAYS_GOOD_MS: f64 = 8.0;

/// Bystanders on a thread of their own: a thread shared with the attacker would add the attacker's own work to their latencies.
#[derive(Debug)]
pub(super) struct Bystanders {
    periods: mpsc::Sender<Order>,
}

/// Period to push in, and the receiver of the latencies.
type Order = (Period, oneshot::Sender<anyhow::Result<Latencies>>);

/// Users, and how they push.
struct Load {
    address: ServerAddress,
    users: Vec<User>,
    interval: Duration,
}

impl Bystanders {
    /// `count` bystanders with `rate` pushes per second each.
    pub(super) async fn new(server: &ServerUnderTest, count: usize, rate: u32) -> anyhow::Result<Self> {
        let users = server.users_named("bystander", count).await?;
        let interval = Duration::from_secs(1) / rate.max(1);
        let load = Load { address: server.address().clone(), users, interval };
        let (periods, orders) = mpsc::channel::<Order>();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let serve = move || {
            for (period, reply) in orders {
                let latencies = LocalSet::new().block_on(&runtime, load.push(period));
                // An error means that the run has failed already.
                let _failed = reply.send(latencies);
            }
        };
        std::thread::Builder::new().name("bystanders".to_owned()).spawn(serve)?;
        Ok(Self { periods })
    }

    /// Pushes until the end of `period`; returns the latencies of all pushes, from the moment that each was due.
    ///
    /// # Errors
    /// A push was rejected, or a connection was lost: bystanders must not suffer from an attack.
    pub(super) async fn push(&self, period: Period) -> anyhow::Result<Latencies> {
        let (reply, latencies) = oneshot::channel();
        self.periods.send((period, reply)).context("the thread of the bystanders has ended")?;
        latencies.await.context("the thread of the bystanders has ended")?
    }
}

impl Load {
    async fn push(&self, period: Period) -> anyhow::Result<Latencies> {
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

/// Adds the ratio of the attacked p50 and p99 to the undisturbed ones, and whether the p99 is within the bound: twice the
/// undisturbed one, or [`ALWAYS_GOOD_MS`].
pub(super) fn add_comparison(figures: &mut Figures, undisturbed: &Latencies, attacked: &Latencies) {
    for (label, quantile) in [("p50", 0.5), ("p99", 0.99)] {
        let ratio = attacked.quantile_ms(quantile) / undisturbed.quantile_ms(quantile).max(f64::EPSILON);
        figures.add_decimal(format!("attacked_{label}_ratio"), ratio);
    }
    let (before, beside) = (undisturbed.quantile_ms(0.99), attacked.quantile_ms(0.99));
    figures.add("within_bound", beside <= (2.0 * before).max(ALWAYS_GOOD_MS));
}
