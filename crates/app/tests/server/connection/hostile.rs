//! Ten thousand malformed frames: no panic, no growth, no effect on other connections.

use less_sync_test_support::{Frame, Opcode, RawClient, Received, TestServer, create, unhex};
use serde_json::Value;

/// Deterministic random numbers, so that a failure is reproducible.
struct Rng(u64);

impl Rng {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.roll(256)).unwrap()
    }

    fn mutate(&mut self, frame: &[u8]) -> Vec<u8> {
        let mut mutant = frame.to_vec();
        for _ in 0..=self.roll(4) {
            let at = self.roll(mutant.len().max(1));
            match self.roll(5) {
                0 => mutant.truncate(at),
                1 => mutant.insert(at.min(mutant.len()), self.byte()),
                2 if at < mutant.len() => drop(mutant.remove(at)),
                3 => mutant.extend_from_within(..at.min(mutant.len())),
                _ if at < mutant.len() => mutant[at] = self.byte(),
                _ => {}
            }
        }
        mutant
    }

    fn noise(&mut self) -> Vec<u8> {
        (0..self.roll(200)).map(|_| self.byte()).collect()
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("../../../../../vectors/frames.json")).unwrap();
    let hex = |vector: &Value| vector["hex"].as_str().filter(|hex| hex.len() < 20_000).map(unhex);
    vectors.iter().filter(|vector| vector["direction"] == "c2s").filter_map(hex).collect()
}

/// Takes what the server sent: `false` when it has ended the connection.
async fn is_open(client: &mut RawClient) -> bool {
    client.send(&Frame::new(Opcode::PING, "open?")).await;
    loop {
        match client.receive().await {
            Received::Frame(frame) if frame.payload == b"open?" => return true,
            Received::Frame(frame) if frame.opcode == Opcode::CLOSE => return false,
            Received::End => return false,
            Received::Frame(_) => {}
        }
    }
}

/// Sends mutants over as many connections as needed; returns the number of connections.
async fn attack(server: &TestServer, seeds: &[Vec<u8>], mut rng: Rng, frames: usize) -> usize {
    let mut connections = 1;
    let mut attacker = server.raw("mallory").await;
    for _ in 0..frames {
        let seed = &seeds[rng.roll(seeds.len())];
        let mutant = if rng.roll(10) == 0 { rng.noise() } else { rng.mutate(seed) };
        attacker.send_binary(mutant).await;
        if !is_open(&mut attacker).await {
            attacker = server.raw("mallory").await;
            connections += 1;
        }
    }
    connections
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_malformed_frames_do_not_affect_other_connections() {
    const ATTACKERS: u64 = 5;
    const FRAMES: usize = 2_000;
    let server = TestServer::start().await;
    let space = server.space("bob");
    let mut bystander = server.raw("bob").await;
    let seeds = seeds();
    let rng = |attacker| Rng(0x9e37_79b9_7f4a_7c15 ^ attacker);
    let attacks = (1..=ATTACKERS).map(|attacker| attack(&server, &seeds, rng(attacker), FRAMES));
    let mut attacks = std::pin::pin!(futures_util::future::join_all(attacks));
    let mut pushes = 0;
    let connections: usize = loop {
        tokio::select! {
            connections = &mut attacks => break connections.into_iter().sum(),
            cursor = async { bystander.push_ok(&space, &[create(pushes, "x")]).await } => {
                pushes += 1;
                assert_eq!(u128::try_from(cursor), Ok(pushes));
            }
        }
    };
    assert!(connections > 1_000, "only {connections} connections: the mutants are tame");
    assert!(pushes > 100, "only {pushes} pushes beside the attack");
}

/// Random bytes instead of an HTTP request.
#[tokio::test]
async fn random_bytes_instead_of_http_do_not_affect_other_connections() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = TestServer::start().await;
    let mut rng = Rng(42);
    for _ in 0..200 {
        let mut socket = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        let mut noise = rng.noise();
        noise.extend(b"\r\n\r\n");
        // The server may close the connection at any byte.
        if socket.write_all(&noise).await.is_ok() && socket.shutdown().await.is_ok() {
            let mut response = Vec::new();
            let ended = less_sync_test_support::within("the end", socket.read_to_end(&mut response)).await;
            assert!(
                ended.is_err() || response.is_empty() || response.starts_with(b"HTTP/1.1 4"),
                "{response:?}"
            );
        }
    }
    server.raw("alice").await.assert_alive().await;
}
