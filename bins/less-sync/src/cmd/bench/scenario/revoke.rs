//! A member of a shared space is shut out while many of their connections watch it.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use less_sync_auth::ucan;
use less_sync_core::wire::Empty;
use less_sync_core::wire::membership::MembershipRevokeParams;
use less_sync_core::wire::method;

use crate::clock;
use crate::cmd::bench::figures::{Figures, Latencies};
use crate::cmd::bench::frames::Sink;
use crate::cmd::bench::link::{Link, result};
use crate::cmd::bench::loads::{self, Span};
use crate::cmd::bench::sharing::SharedSpace;
use crate::cmd::bench::subject::{Subject, User};
use crate::cmd::bench::watchers::Crowd;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Connections of the member, which watch the space
    #[arg(long, default_value_t = 1000)]
    watchers: usize,
}

/// What the rounds have shown.
struct Seen {
    notices: Latencies,
    last_notices: Latencies,
    cuts: Latencies,
}

pub(crate) async fn run(subject: &Subject, arguments: &Arguments, time: Duration) -> anyhow::Result<Figures> {
    let space = SharedSpace::create(subject).await?;
    let owner = space.owner(subject).await?;
    let mut link = Link::open(subject.address(), &owner.token).await?;
    let mut witness = Link::open(subject.address(), &owner.token).await?;
    witness.subscribe(owner.space, owner.ucan.as_deref()).await?;
    let mut seen =
        Seen { notices: Latencies::new()?, last_notices: Latencies::new()?, cuts: Latencies::new()? };
    let span = Span::of(time);
    let meter = subject.meter()?;
    // Whoever was shut out stays out, so every round has a member of its own; there is at least one.
    loop {
        let member = space.member(subject, "bench-member", 2).await?;
        let owners = Owner { user: &owner, link: &mut link, witness: &mut witness };
        round(subject, arguments, owners, &member, &mut seen).await?;
        if span.is_over() {
            break;
        }
    }
    let mut figures = Figures::new("revoke");
    meter.add_to(&mut figures)?;
    figures.add("watchers", arguments.watchers);
    figures.add("revocations", seen.cuts.count());
    figures.add_latencies("notice", &seen.notices);
    figures.add_latencies("last_notice", &seen.last_notices);
    figures.add_latencies("cut", &seen.cuts);
    Ok(figures)
}

/// Who revokes, and another connection of theirs that hears everything.
struct Owner<'a> {
    user: &'a User,
    link: &'a mut Link,
    witness: &'a mut Link,
}

async fn round(
    subject: &Subject,
    arguments: &Arguments,
    owner: Owner<'_>,
    member: &User,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    let crowd = Crowd::gather(subject, member, arguments.watchers, 1).await?;
    ensure!(crowd.board.may_send(), "the window is closed");
    let began = clock::instant();
    revoke(owner.link, owner.user, member).await?;
    // From the answer on, nothing new reaches them.
    seen.cuts.record(began.elapsed());
    ensure!(crowd.board.settle().await, "not everybody was told: {} outstanding", crowd.board.outstanding());
    let tally = crowd.board.tally();
    loads::fill_as(owner.link, owner.user, 1, 64).await?;
    // Once the witness has the notice and the push, so had anybody who was still watching.
    let mut heard = Heard::default();
    while heard.0 < 2 {
        owner.witness.read(&mut heard).await?;
    }
    let after = crowd.board.tally().deliveries - tally.deliveries;
    ensure!(after == 0, "{after} heard of a push after they were shut out");
    seen.notices.add(&tally.each)?;
    seen.last_notices.add(&tally.last)?;
    Ok(())
}

/// Notifications that the witness has.
#[derive(Default)]
struct Heard(usize);

impl Sink for Heard {
    fn notification(&mut self) {
        self.0 += 1;
    }

    fn chunk(&mut self, _payload_bytes: u64) {}

    fn response(&mut self, _payload: &[u8]) {}

    fn ping(&mut self, _payload: &[u8]) {}

    fn close(&mut self, _code: u16) {}
}

async fn revoke(link: &mut Link, owner: &User, member: &User) -> anyhow::Result<()> {
    let (space, cid) =
        (owner.space.to_string(), ucan::cid(member.ucan.as_deref().unwrap_or_default()).to_hex());
    let params = MembershipRevokeParams {
        space: &space,
        ucan: owner.ucan.as_deref(),
        home_server: None,
        ucan_cid: &cid,
        member_did: None,
    };
    let answer = link.call(method::MEMBERSHIP_REVOKE, &params).await?;
    result::<Empty>(&answer).map(drop)
}
