//! Rotation of a key under the eyes of peers (federation KY-9, T-116, §21.8).

use std::time::Duration;

use less_sync_test_support::{Cluster, LogWatch, within};
use serde_json::{Value, json};

use crate::command::{CommandOutput, keygen};

/// Server 0 rotates; its peers, by what they know of it.
const DISCOVERS: usize = 1;
const PINS: usize = 2;
const PINS_THE_OLD_ONLY: usize = 3;

struct Rotation(Cluster);

impl Rotation {
    /// Peers with the key that server 0 has made at its start.
    async fn start() -> Self {
        let cluster = Cluster::start_with(4, |server, builder| {
            let builder = builder.manual_clock();
            // The generator works beside a server on PostgreSQL only.
            if server == 0 { builder.postgres() } else { builder.embedded() }
        })
        .await;
        Self(cluster)
    }

    fn keygen(&self, arguments: &[&str]) -> CommandOutput {
        keygen(&[("DATABASE_URL", &self.0.server(0).database_url())], arguments).succeeded()
    }

    /// Published keys: ids and public keys.
    async fn published(&self) -> Vec<(String, String)> {
        let response = self.0.server(0).get("/.well-known/jwks.json").await;
        let document: Value = serde_json::from_slice(&response.body).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        document["keys"].as_array().unwrap().iter().map(|key| (text(&key["kid"]), text(&key["x"]))).collect()
    }

    /// Reloads the keys of server 0, and waits until it publishes `count` of them.
    async fn publishes(&self, count: usize) {
        self.0.server(0).reload();
        within("the published keys", async {
            while self.published().await.len() != count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Ten minutes on all clocks, and a request, in which tasks arm the next timers.
    async fn pass_time(&self) {
        for server in 0..4 {
            self.0.server(server).clock().advance(Duration::from_mins(10));
        }
        self.published().await;
    }

    /// Lets two hours or more pass everywhere, which end all links and the lifetime of all fetched key sets.
    async fn wait(&self) {
        for _ in 0..12 {
            self.pass_time().await;
        }
        within("the end of the links", async {
            let is_idle = || {
                let text = self.0.server(0).metrics().render();
                text.lines().any(|line| line == "federation_links_dialled 0")
            };
            while !is_idle() {
                self.pass_time().await;
            }
        })
        .await;
    }

    /// True for an invitation that is delivered over a link of server 0 to `peer`.
    async fn delivers(&self, peer: usize, payload: &str) -> bool {
        let mut alice = self.0.server(0).raw("alice").await;
        let params = json!({ "mailbox_id": "b".repeat(64), "payload": payload, "server": self.0.name(peer) });
        let sent = alice.call("invitation.create", &params).await;
        let is_failed = sent["error"]["message"] == "failed to deliver invitation to remote server";
        assert!(is_failed || sent["result"]["id"] == "forwarded", "{sent}");
        !is_failed
    }

    /// A lost link is dialled again after a pause, a rejected one after five minutes.
    async fn assert_delivers(&self, peers: [(usize, bool); 3], step: &str) {
        for (peer, expected) in peers {
            self.pass_time().await;
            let mut is_delivered = self.delivers(peer, step).await;
            for _ in 0..12 {
                if is_delivered {
                    break;
                }
                self.pass_time().await;
                is_delivered = self.delivers(peer, step).await;
            }
            assert_eq!(is_delivered, expected, "{step}: peer {peer}");
        }
    }
}

/// Peers that fetch keys stay reachable at all steps, and so do those whose operators have entered the new key in time. A peer
/// without it is lost with the promotion, which shows that the new key signs from then on.
#[tokio::test(flavor = "multi_thread")]
async fn ky_9_peers_that_fetch_and_peers_that_pin_follow_a_rotation() {
    let rotation = Rotation::start().await;
    let old = rotation.published().await;
    for peer in [PINS, PINS_THE_OLD_ONLY] {
        rotation.0.pin(peer, 0, &old);
    }
    let all = [(DISCOVERS, true), (PINS, true), (PINS_THE_OLD_ONLY, true)];
    rotation.assert_delivers(all, "before").await;

    let domain = rotation.0.name(0);
    let staged = rotation.keygen(&["--domain", &domain, "--kid", "fed-2", "--no-promote"]);
    let (new, x) = staged.value("trusted_keys_entry").rsplit_once("#fed-2=").unwrap();
    let new = format!("{new}#fed-2");
    rotation.publishes(2).await;
    rotation.0.pin(PINS, 0, &[old[0].clone(), (new.clone(), x.to_owned())]);
    rotation.wait().await;
    rotation.assert_delivers(all, "staged").await;

    let promoted = LogWatch::start("federation.key_promoted");
    // The clock of the database has not moved.
    rotation.keygen(&["promote", &new, "--force"]);
    rotation.0.server(0).reload();
    within("the new key to sign", async {
        while promoted.lines().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    rotation.wait().await;
    let followers = [(DISCOVERS, true), (PINS, true), (PINS_THE_OLD_ONLY, false)];
    rotation.assert_delivers(followers, "promoted").await;

    rotation.keygen(&["deactivate", &old[0].0]);
    rotation.publishes(1).await;
    rotation.0.pin(PINS, 0, &[(new.clone(), x.to_owned())]);
    rotation.wait().await;
    rotation.assert_delivers(followers, "deactivated").await;
    assert_eq!(rotation.published().await, [(new, x.to_owned())]);
}
