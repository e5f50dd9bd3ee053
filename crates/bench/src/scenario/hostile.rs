//! Attacks on a server, each beside bystanders whose pushes are measured.
//!
//! The server runs under the limits as shipped. An attack is one file below this module and one row of [`AttackChoice`]: it
//! implements [`Attack`], uses users of its own, and ends by its own count or with the period, whichever is first.

mod attack;
mod bad_chains;
mod bystanders;
mod heavy_pushes;
mod key_listings;
mod large_frames;
mod memory;
mod pipeline;
mod repetition;
mod request_flood;
mod silent_sockets;
mod slow_subscribers;
mod slow_transfers;
mod unknown_keys;
mod unread_pulls;

use std::time::Duration;

use clap::{Args, Subcommand};

use self::attack::Attack;
use self::bystanders::Bystanders;
use crate::figures::{Figures, mib};
use crate::period::Period;
use crate::process::lower_thread_priority;
use crate::server::ServerUnderTest;

/// Load of `hostile`.
#[derive(Debug, Args)]
pub struct Load {
    /// Users who push to their personal spaces beside the attacker
    #[arg(long, global = true, default_value_t = 8)]
    bystanders: usize,
    /// Pushes per second of each bystander
    #[arg(long, global = true, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    bystander_rate: u32,
    #[command(subcommand)]
    attack: AttackChoice,
}

/// Attack and its size.
#[derive(Debug, Subcommand)]
enum AttackChoice {
    /// Subscribe with very many chains that do not verify
    BadChains(bad_chains::BadChains),
    /// Pipeline pushes of very many tombstones to one space
    HeavyPushes(heavy_pushes::HeavyPushes),
    /// List the keys of a space whose records have none
    KeyListings(key_listings::KeyListings),
    /// Push messages of several mebibytes that conflict
    LargeFrames(large_frames::LargeFrames),
    /// Send small requests as fast as the server takes them
    RequestFlood(request_flood::RequestFlood),
    /// Open sockets and send nothing
    SilentSockets(silent_sockets::SilentSockets),
    /// Watch a busy space and read nothing
    SlowSubscribers(slow_subscribers::SlowSubscribers),
    /// Begin uploads and send one byte of each
    SlowTransfers(slow_transfers::SlowTransfers),
    /// Connect with tokens that name unknown signing keys
    UnknownKeys(unknown_keys::UnknownKeys),
    /// Pull a large space and read nothing
    UnreadPulls(unread_pulls::UnreadPulls),
}

/// Measures the bystanders undisturbed for half of the time, and beside the attack for the other half.
pub(crate) async fn run(server: &ServerUnderTest, load: &Load, time: Duration) -> anyhow::Result<Figures> {
    match &load.attack {
        AttackChoice::BadChains(attack) => measure(server, load, attack, time).await,
        AttackChoice::HeavyPushes(attack) => measure(server, load, attack, time).await,
        AttackChoice::KeyListings(attack) => measure(server, load, attack, time).await,
        AttackChoice::LargeFrames(attack) => measure(server, load, attack, time).await,
        AttackChoice::RequestFlood(attack) => measure(server, load, attack, time).await,
        AttackChoice::SilentSockets(attack) => measure(server, load, attack, time).await,
        AttackChoice::SlowSubscribers(attack) => measure(server, load, attack, time).await,
        AttackChoice::SlowTransfers(attack) => measure(server, load, attack, time).await,
        AttackChoice::UnknownKeys(attack) => measure(server, load, attack, time).await,
        AttackChoice::UnreadPulls(attack) => measure(server, load, attack, time).await,
    }
}

async fn measure<A: Attack>(
    server: &ServerUnderTest,
    load: &Load,
    attack: &A,
    time: Duration,
) -> anyhow::Result<Figures> {
    let mut figures = Figures::new("hostile");
    figures.add("attack", A::NAME);
    figures.add("bystanders", load.bystanders);
    figures.add("bystander_rate", load.bystander_rate);
    let bystanders = Bystanders::new(server, load.bystanders, load.bystander_rate).await?;
    // From here on, since the attacker of a real server has a machine of its own. The threads of the server and of the
    // bystanders have started already.
    lower_thread_priority();
    let ready = attack.prepare(server).await?;

    let period = Period::start(time / 2);
    let (undisturbed, before) =
        tokio::try_join!(bystanders.push(period), memory::peak(server.process(), period))?;
    bystanders::add_to(&mut figures, "undisturbed", &undisturbed);

    let period = Period::start(time / 2);
    let meter = server.meter()?;
    let (attacked, peak, work) = tokio::try_join!(
        bystanders.push(period),
        memory::peak(server.process(), period),
        attack.run(server, ready, period),
    )?;
    bystanders::add_to(&mut figures, "attacked", &attacked);
    bystanders::add_comparison(&mut figures, &undisturbed, &attacked);
    for (name, count) in work.into_counts() {
        figures.add(format!("attack_{name}"), count);
    }
    figures.add_decimal("resident_before_mib", mib(before));
    figures.add_decimal("resident_peak_mib", mib(peak));
    figures.add_decimal("resident_growth_mib", mib(peak.saturating_sub(before)));
    meter.add_to(&mut figures)?;
    Ok(figures)
}
