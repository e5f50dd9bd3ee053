//! Revocation of a member of a shared space, many of whose connections watch it.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use less_sync_auth::ucan;
use less_sync_core::wire::Empty;
use less_sync_core::wire::membership::MembershipRevokeParams;
use less_sync_core::wire::method;

use crate::clock;
use crate::connection::{LoadConnection, result};
use crate::figures::{Figures, Latencies};
use crate::frames::FrameHandler;
use crate::period::Period;
use crate::pushes;
use crate::server::{ServerUnderTest, User};
use crate::shared_space::SharedSpace;
use crate::watchers::Watchers;

/// Load of `revoke`.
#[derive(Debug, Args)]
pub struct Load {
    /// Connections of the member that watch the space
    #[arg(long, default_value_t = 1000)]
    watchers: usize,
}

/// Latencies of all rounds.
struct Seen {
    /// From the request to each `revoked` notification.
    notices: Latencies,
    /// From the request to the last `revoked` notification of a round.
    last_notices: Latencies,
    /// From the request to its response.
    cuts: Latencies,
}

pub(crate) async fn run(server: &ServerUnderTest, load: &Load, time: Duration) -> anyhow::Result<Figures> {
    let space = SharedSpace::create(server).await?;
    let owner = space.owner(server).await?;
    let mut connection = LoadConnection::open(server.address(), &owner.token).await?;
    let mut witness = LoadConnection::open(server.address(), &owner.token).await?;
    witness.subscribe(owner.space, owner.ucan.as_deref()).await?;
    let mut seen =
        Seen { notices: Latencies::new()?, last_notices: Latencies::new()?, cuts: Latencies::new()? };
    let period = Period::start(time);
    let meter = server.meter()?;
    // A revocation is final, so every round has a new member. At least one round runs, however long it takes.
    loop {
        let member = space.member(server, "bench-member", 2).await?;
        let owners = Owner { user: &owner, connection: &mut connection, witness: &mut witness };
        round(server, load, owners, &member, &mut seen).await?;
        if period.is_over() {
            break;
        }
    }
    let mut figures = Figures::new("revoke");
    meter.add_to(&mut figures)?;
    figures.add("watchers", load.watchers);
    figures.add("revocations", seen.cuts.count());
    figures.add_latencies("notice", &seen.notices);
    figures.add_latencies("last_notice", &seen.last_notices);
    figures.add_latencies("cut", &seen.cuts);
    Ok(figures)
}

/// Owner that revokes, and a second connection of the owner as a witness.
struct Owner<'a> {
    user: &'a User,
    connection: &'a mut LoadConnection,
    witness: &'a mut LoadConnection,
}

async fn round(
    server: &ServerUnderTest,
    load: &Load,
    owner: Owner<'_>,
    member: &User,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    let watchers = Watchers::open(server.address(), std::slice::from_ref(member), load.watchers, 1).await?;
    ensure!(watchers.tracker.try_send(), "the window is closed");
    let began = clock::instant();
    revoke(owner.connection, owner.user, member).await?;
    // After the response nothing new may reach the member.
    seen.cuts.record(began.elapsed());
    ensure!(
        watchers.tracker.settle().await,
        "revoked notifications are missing: {} outstanding",
        watchers.tracker.outstanding()
    );
    let deliveries = watchers.tracker.deliveries();
    pushes::fill_as(owner.connection, owner.user, 1, 64).await?;
    // Once the witness has the notification and the push, so has every connection that still watches.
    let mut received = Notifications::default();
    while received.0 < 2 {
        owner.witness.read(&mut received).await?;
    }
    let after = watchers.tracker.deliveries().count - deliveries.count;
    ensure!(after == 0, "{after} connections received a push after the revocation");
    seen.notices.add(&deliveries.each)?;
    seen.last_notices.add(&deliveries.last)?;
    Ok(())
}

/// Number of notifications received.
#[derive(Default)]
struct Notifications(usize);

impl FrameHandler for Notifications {
    fn notification(&mut self) {
        self.0 += 1;
    }
}

async fn revoke(connection: &mut LoadConnection, owner: &User, member: &User) -> anyhow::Result<()> {
    let (space, cid) =
        (owner.space.to_string(), ucan::cid(member.ucan.as_deref().unwrap_or_default()).to_hex());
    let params = MembershipRevokeParams {
        space: &space,
        ucan: owner.ucan.as_deref(),
        home_server: None,
        ucan_cid: &cid,
        member_did: None,
    };
    let response = connection.call(method::MEMBERSHIP_REVOKE, &params).await?;
    result::<Empty>(&response).map(drop)
}
