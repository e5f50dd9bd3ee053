//! Story of the README in four acts.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use less_sync_client::ServerUrl;
use less_sync_core::SpaceId;

use super::evidence::{hex_groups, missing_epoch, newest_record, search};
use super::narrator::Narrator;
use super::person::{Person, Watching};
use crate::palette::Tone;

const FIRST: &str = "the key is under the blue pot";
const SECOND: &str = "see you at eight";
const THIRD: &str = "not at eight, and not for Bob";

/// Bytes of ciphertext that are shown.
const SHOWN: usize = 24;

pub(super) struct Story<'a> {
    narrator: &'a mut Narrator,
    alice: Person,
    bob: Person,
    /// Data of the server.
    data: PathBuf,
}

impl<'a> Story<'a> {
    pub(super) fn new(
        narrator: &'a mut Narrator,
        url: &ServerUrl,
        keys: &Path,
        data: &Path,
    ) -> anyhow::Result<Self> {
        let palette = narrator.palette();
        let person = |name| Person::new(name, url.clone(), keys.join(name), palette);
        let (alice, bob) = (person("alice")?, person("bob")?);
        Narrator::opening(&format!("A server that cannot read, at {}, and two people.", url.authority()))?;
        Ok(Self { narrator, alice, bob, data: data.to_owned() })
    }

    pub(super) async fn tell(&mut self) -> anyhow::Result<()> {
        let space = self.alice_writes().await?;
        let address = self.bob_reads(&space).await?;
        let watching = self.bob_watches(&space).await?;
        self.bob_is_removed(&space, &address, watching).await
    }

    async fn alice_writes(&mut self) -> anyhow::Result<String> {
        let Self { narrator, alice, .. } = self;
        narrator.act("Alice writes").await?;
        narrator.command(alice.name, "space=$(less-sync space create notes)").await?;
        let space = alice.run(&["space", "create", "notes"], None).await?;
        push(narrator, alice, &space, FIRST).await?;
        let row = newest_record(alice, id(&space)?).await?;
        let sealed = row.blob.as_deref().context("the record is a tombstone")?;
        narrator.fact("Alice wrote", Tone::Clear, FIRST).await?;
        narrator.fact("the server holds", Tone::Sealed, &hex_groups(sealed, SHOWN)).await?;
        let files = search(&self.data, FIRST, sealed)?;
        let found = format!("no file of the server has her words: {files} were searched");
        narrator.fact("on its disk", Tone::Faint, &found).await?;
        Ok(space)
    }

    async fn bob_reads(&mut self, space: &str) -> anyhow::Result<String> {
        let Self { narrator, alice, bob, .. } = self;
        narrator.act("Bob is invited, and reads").await?;
        narrator.command(bob.name, "less-sync identity").await?;
        let address = bob.run(&["identity"], None).await?;
        let shown: String = address.chars().take(24).collect();
        Narrator::output(&narrator.palette().paint(Tone::Faint, &format!("{shown}…")))?;
        narrator.command(alice.name, &format!("less-sync space invite {shown}… --space $space")).await?;
        alice.run(&["space", "invite", &address, "--space", space], None).await?;
        narrator.command(bob.name, "less-sync space accept").await?;
        bob.run(&["space", "accept"], None).await?;
        pull(narrator, bob, space, FIRST).await?;
        Ok(address)
    }

    async fn bob_watches(&mut self, space: &str) -> anyhow::Result<Watching> {
        let Self { narrator, alice, bob, .. } = self;
        narrator.act("Bob watches while Alice writes").await?;
        narrator.command(bob.name, "less-sync tail --space $space").await?;
        let mut watching = bob.watch(space).await?;
        push(narrator, alice, space, SECOND).await?;
        let line = watching.change(SECOND).await?;
        narrator.later(bob.name, &line).await?;
        Ok(watching)
    }

    async fn bob_is_removed(
        &mut self,
        space: &str,
        address: &str,
        mut watching: Watching,
    ) -> anyhow::Result<()> {
        let Self { narrator, alice, bob, .. } = self;
        narrator.act("Bob is removed, and the key is replaced").await?;
        let shown: String = address.chars().take(24).collect();
        narrator.command(alice.name, &format!("less-sync space revoke {shown}… --space $space")).await?;
        alice.run(&["space", "revoke", address, "--space", space], None).await?;
        let ended = watching.message("has ended").await?;
        let ended = narrator.palette().paint(Tone::Alarm, &ended.replace(space, "$space"));
        narrator.later(bob.name, &ended).await?;
        push(narrator, alice, space, THIRD).await?;
        pull(narrator, alice, space, THIRD).await?;
        narrator.command(bob.name, "less-sync pull --space $space").await?;
        let rejected = bob.fails(&["pull", "--space", space]).await?;
        narrator.rejection(&rejected.replace(space, "$space"))?;
        let row = newest_record(alice, id(space)?).await?;
        let epoch = missing_epoch(bob, id(space)?, &row)?;
        let text = format!("would not help him: the new record needs key {epoch}, which he never had");
        narrator.fact("a stolen disk", Tone::Faint, &text).await
    }
}

async fn push(narrator: &Narrator, person: &Person, space: &str, text: &str) -> anyhow::Result<()> {
    narrator.command(person.name, &format!("echo \"{text}\" | less-sync push --space $space")).await?;
    person.run(&["push", "--space", space], Some(&format!("{text}\n"))).await.map(drop)
}

/// Pulls, and shows the records; `expected` must be among them.
async fn pull(narrator: &Narrator, person: &Person, space: &str, expected: &str) -> anyhow::Result<()> {
    narrator.command(person.name, "less-sync pull --space $space").await?;
    let pulled = person.run(&["pull", "--space", space], None).await?;
    ensure!(pulled.contains(expected), "{} cannot read \"{expected}\":\n{pulled}", person.name);
    let records = pulled.lines().filter(|line| line.contains('"'));
    Narrator::output(&records.collect::<Vec<_>>().join("\n"))
}

fn id(space: &str) -> anyhow::Result<SpaceId> {
    space.parse().context("the id of the space is invalid")
}
