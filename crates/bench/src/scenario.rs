//! Scenarios, one per file, and their dispatch.

mod churn;
mod connect;
mod events;
mod fan_out;
mod federation;
mod files;
mod hostile;
mod idle;
mod presence;
mod pull;
mod push;
mod revoke;
mod rewrap;
mod stalled;
mod startup;

use clap::Subcommand;
use less_sync_client::ServerUrl;

use crate::figures::Figures;
use crate::launch::Limits;
use crate::options::ServerOptions;
use crate::server::ServerUnderTest;

/// Scenario and its load.
#[derive(Debug, Subcommand)]
pub enum Scenario {
    /// Measure durable pushes
    Push(push::Load),
    /// Measure pulls of a whole space, of its first record, and of its newest records
    Pull(pull::Load),
    /// Measure deliveries of pushes to many watchers of one space
    FanOut(fan_out::Load),
    /// Measure deliveries of ephemeral events to many watchers of one space
    Events(events::Load),
    /// Measure deliveries of presence updates among the peers of one space
    Presence(presence::Load),
    /// Measure the revocation of a member whose connections watch the space
    Revoke(revoke::Load),
    /// Measure the replacement of all wrapped keys of a space
    Rewrap(rewrap::Load),
    /// Measure uploads and downloads of files
    Files(files::Load),
    /// Measure the memory of idle connections
    Idle(idle::Load),
    /// Measure pushes and deliveries by way of a second server that holds nothing
    Federation(federation::Load),
    /// Measure the time from launch to readiness, and the memory of an idle server
    Startup(startup::Load),
    /// Measure dialling, authentication and subscription
    Connect(connect::Load),
    /// Measure memory after many connections were opened and closed
    Churn(churn::Load),
    /// Measure fan-out beside clients that never read
    Stalled(stalled::Load),
    /// Measure pushes of bystanders beside an attacker, under the limits as shipped
    Hostile(hostile::Load),
}

impl Scenario {
    /// Runs the scenario against a launched or running server, and stops a launched one.
    pub(crate) async fn measure(&self, server: &ServerOptions, url: &ServerUrl) -> anyhow::Result<Figures> {
        if let Self::Startup(load) = self {
            return startup::run(server, load).await;
        }
        if let Self::Federation(load) = self {
            return federation::run(server, load).await;
        }
        let time = server.time;
        let limits = self.limits(server);
        let server = ServerUnderTest::new(url, server, limits).await?;
        let figures = match self {
            Self::Push(load) => push::run(&server, load, time).await,
            Self::Pull(load) => pull::run(&server, load, time).await,
            Self::FanOut(load) => fan_out::run(&server, load, time).await,
            Self::Events(load) => events::run(&server, load, limits, time).await,
            Self::Presence(load) => presence::run(&server, load, time).await,
            Self::Revoke(load) => revoke::run(&server, load, time).await,
            Self::Rewrap(load) => rewrap::run(&server, load, time).await,
            Self::Files(load) => files::run(&server, load, time).await,
            Self::Idle(load) => idle::run(&server, load).await,
            Self::Connect(load) => connect::run(&server, load, time).await,
            Self::Churn(load) => churn::run(&server, load).await,
            Self::Stalled(load) => stalled::run(&server, load, time).await,
            Self::Hostile(load) => hostile::run(&server, load, time).await,
            Self::Startup(_) | Self::Federation(_) => Ok(Figures::new("startup")),
        };
        server.stop(figures).await
    }

    /// Limits of the server: those of an attack are under test themselves.
    fn limits(&self, server: &ServerOptions) -> Limits {
        if server.pid.is_some() {
            return Limits::Unknown;
        }
        let as_shipped = server.shipped_limits || matches!(self, Self::Hostile(_));
        if as_shipped { Limits::Shipped } else { Limits::Raised }
    }
}
