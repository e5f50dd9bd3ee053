//! A faulty network between a client and a server.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

const CHUNK: usize = 16 * 1024;

/// Fault of a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// No fault: bytes arrive.
    None,
    /// Delays bytes, in order.
    Delay(Duration),
    /// Drops bytes silently. In both directions: a half-open connection.
    Swallow,
    /// Stops reading from the sender, whose buffers fill up: a stalled reader.
    Stall,
    /// Limits the rate to this many bytes per second: a slow reader.
    Throttle(usize),
}

/// Address of a server behind a proxy.
#[derive(Clone, Debug)]
pub(crate) enum Upstream {
    /// TCP address.
    Tcp(SocketAddr),
    /// Unix socket.
    Unix(PathBuf),
}

/// A TCP proxy on a free loopback port, one [`Link`] per connection that it carries.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    links: Arc<Links>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Links {
    all: Mutex<Vec<Link>>,
    count: watch::Sender<usize>,
    /// For what the server sends on connections to come.
    preset: Mutex<HashMap<usize, Fault>>,
    /// Bytes that the clients have sent, by connection, swallowed ones included; `None` unless they are recorded.
    sent: watch::Sender<Option<HashMap<usize, Vec<u8>>>>,
}

/// A proxied connection.
#[derive(Clone, Debug)]
pub struct Link {
    to_server: watch::Sender<Fault>,
    to_client: watch::Sender<Fault>,
    swallowed: watch::Sender<usize>,
    cut: watch::Sender<bool>,
}

impl FaultProxy {
    /// A proxy in front of `server` without faults.
    pub async fn start(server: SocketAddr) -> Self {
        Self::in_front_of(Upstream::Tcp(server)).await
    }

    /// A proxy in front of `server` without faults.
    pub(crate) async fn in_front_of(server: Upstream) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("the address of a bound listener");
        let links = Arc::new(Links {
            all: Mutex::default(),
            count: watch::Sender::new(0),
            preset: Mutex::default(),
            sent: watch::Sender::new(None),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, Arc::clone(&links)));
        Self { address, links, _tasks: tasks }
    }

    /// Address for clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Applies `fault` to both directions of all connections that were accepted so far. Later ones begin without it.
    pub fn fault_all(&self, fault: Fault) {
        for link in self.links.all.lock().iter() {
            link.fault(fault);
        }
    }

    /// Applies `fault` to what the server sends on all connections that were accepted so far.
    pub fn fault_all_to_client(&self, fault: Fault) {
        for link in self.links.all.lock().iter() {
            link.fault_to_client(fault);
        }
    }

    /// Lets the connection that will be accepted as number `index`, counted from 0, begin with `fault` applied to what the
    /// server sends.
    pub fn preset(&self, index: usize, fault: Fault) {
        self.links.preset.lock().insert(index, fault);
    }

    /// Records what the clients send from now on.
    pub fn record_sent(&self) {
        self.links.sent.send_replace(Some(HashMap::new()));
    }

    /// Number of times that the clients have sent `text` since [`FaultProxy::record_sent`], on all connections.
    #[must_use]
    pub fn times_sent(&self, text: &[u8]) -> usize {
        times(self.links.sent.borrow().as_ref(), text)
    }

    /// Waits until the clients have sent `text`.
    ///
    /// # Panics
    /// If they do not in time.
    pub async fn until_sent(&self, text: &[u8]) {
        let mut sent = self.links.sent.subscribe();
        let reached = sent.wait_for(|sent| times(sent.as_ref(), text) > 0);
        assert!(crate::within("a text to be sent", reached).await.is_ok(), "the proxy has ended");
    }

    /// The connection that was accepted as number `index`, counted from 0; waits for it.
    ///
    /// # Panics
    /// If there is no such connection in time.
    pub async fn link(&self, index: usize) -> Link {
        let mut count = self.links.count.subscribe();
        let accepted = count.wait_for(|count| *count > index);
        let reached = crate::within(format!("connection {index} of the proxy"), accepted).await.is_ok();
        assert!(reached, "the proxy has ended");
        self.links.all.lock().get(index).cloned().expect("as many links as were counted")
    }
}

impl Links {
    fn record(&self, index: usize, bytes: &[u8]) {
        self.sent.send_if_modified(|sent| {
            let Some(sent) = sent else { return false };
            sent.entry(index).or_default().extend_from_slice(bytes);
            true
        });
    }
}

impl Link {
    /// Applies `fault` to both directions from now on.
    pub fn fault(&self, fault: Fault) {
        self.fault_to_server(fault);
        self.fault_to_client(fault);
    }

    /// Applies `fault` to what the client sends.
    pub fn fault_to_server(&self, fault: Fault) {
        self.to_server.send_replace(fault);
    }

    /// Applies `fault` to what the server sends.
    pub fn fault_to_client(&self, fault: Fault) {
        self.to_client.send_replace(fault);
    }

    /// Completes once at least `bytes` bytes have been swallowed, both ways together.
    pub async fn until_swallowed(&self, bytes: usize) {
        let mut swallowed = self.swallowed.subscribe();
        let reached = swallowed.wait_for(|so_far| *so_far >= bytes);
        assert!(crate::within("bytes to swallow", reached).await.is_ok(), "the proxy has ended");
    }

    /// Cuts the connection on both sides, without a goodbye.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }
}

fn times(sent: Option<&HashMap<usize, Vec<u8>>>, text: &[u8]) -> usize {
    let count = |bytes: &Vec<u8>| bytes.windows(text.len()).filter(|window| *window == text).count();
    sent.map_or(0, |sent| sent.values().map(count).sum())
}

async fn accept(listener: TcpListener, server: Upstream, links: Arc<Links>) {
    let mut carried = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let index = links.all.lock().len();
        let to_client = links.preset.lock().remove(&index).unwrap_or(Fault::None);
        let link = Link {
            to_server: watch::Sender::new(Fault::None),
            to_client: watch::Sender::new(to_client),
            swallowed: watch::Sender::new(0),
            cut: watch::Sender::new(false),
        };
        links.all.lock().push(link.clone());
        links.count.send_modify(|count| *count += 1);
        let (links, server) = (Arc::clone(&links), server.clone());
        carried.spawn(async move {
            let record = |bytes: &[u8]| links.record(index, bytes);
            carry(client, server, link, &record).await;
        });
    }
}

async fn carry(client: TcpStream, server: Upstream, link: Link, record: &(impl Fn(&[u8]) + Sync)) {
    if client.set_nodelay(true).is_err() {
        return;
    }
    match server {
        Upstream::Tcp(address) => {
            let Ok(mut server) = TcpStream::connect(address).await else { return };
            if server.set_nodelay(true).is_ok() && carry_both_ways(client, &mut server, &link, record).await {
                tracing::trace!(reset = ?server.set_zero_linger(), "proxied connection cut");
            }
        }
        Upstream::Unix(path) => {
            let Ok(mut server) = UnixStream::connect(path).await else { return };
            carry_both_ways(client, &mut server, &link, record).await;
        }
    }
}

/// Carries bytes until both streams have ended, or the connection is cut; returns true if it was cut.
async fn carry_both_ways<S>(
    mut client: TcpStream,
    server: &mut S,
    link: &Link,
    record: &(impl Fn(&[u8]) + Sync),
) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut cut = link.cut.subscribe();
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = split(server);
    let there = pump(from_client, to_server, link.to_server.subscribe(), &link.swallowed, record);
    let back = pump(from_server, to_client, link.to_client.subscribe(), &link.swallowed, &|_: &[u8]| ());
    let was_cut = tokio::select! {
        _ = cut.wait_for(|cut| *cut) => true,
        _ = async { tokio::join!(there, back) } => false,
    };
    if was_cut {
        tracing::trace!(reset = ?client.set_zero_linger(), "proxied connection cut");
    }
    was_cut
}

/// Carries bytes one way until the end of the stream, which it passes on.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut fault: watch::Receiver<Fault>,
    swallowed: &watch::Sender<usize>,
    record: &(impl Fn(&[u8]) + Sync),
) {
    let mut buffer = Vec::with_capacity(CHUNK);
    loop {
        let Ok(_) = fault.wait_for(|fault| *fault != Fault::Stall).await else { return };
        let limit = read_limit(*fault.borrow_and_update());
        buffer.clear();
        let mut bounded = (&mut from).take(limit);
        let read = tokio::select! {
            biased;
            _ = fault.changed() => continue,
            read = bounded.read_buf(&mut buffer) => read,
        };
        let Ok(1..) = read else { break };
        record(&buffer);
        let now = *fault.borrow();
        if now == Fault::Swallow {
            swallowed.send_modify(|bytes| *bytes += buffer.len());
        } else if deliver(&mut to, &buffer, now).await.is_err() {
            return;
        }
    }
    let closed = to.shutdown().await;
    tracing::trace!(?closed, "proxied stream ended");
}

fn read_limit(fault: Fault) -> u64 {
    match fault {
        Fault::Throttle(per_second) => (per_second / 20).clamp(1, CHUNK) as u64,
        Fault::None | Fault::Delay(_) | Fault::Swallow | Fault::Stall => CHUNK as u64,
    }
}

async fn deliver(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8], fault: Fault) -> std::io::Result<()> {
    match fault {
        Fault::Delay(by) => tokio::time::sleep(by).await,
        Fault::Throttle(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        Fault::None | Fault::Swallow | Fault::Stall => {}
    }
    to.write_all(bytes).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::within;

    async fn pair() -> (FaultProxy, TcpStream, TcpStream) {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = FaultProxy::start(server.local_addr().unwrap()).await;
        let client = TcpStream::connect(proxy.address()).await.unwrap();
        let (accepted, _) = within("the proxied connection", server.accept()).await.unwrap();
        (proxy, client, accepted)
    }

    async fn read_exactly(socket: &mut TcpStream, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        within("bytes through the proxy", socket.read_exact(&mut bytes)).await.unwrap();
        bytes
    }

    #[tokio::test]
    async fn without_a_fault_bytes_arrive_both_ways() {
        let (_proxy, mut client, mut server) = pair().await;
        client.write_all(b"there").await.unwrap();
        assert_eq!(read_exactly(&mut server, 5).await, b"there");
        server.write_all(b"back").await.unwrap();
        assert_eq!(read_exactly(&mut client, 4).await, b"back");
    }

    #[tokio::test]
    async fn swallowed_bytes_never_arrive_and_later_ones_do() {
        let (proxy, mut client, mut server) = pair().await;
        let link = proxy.link(0).await;
        link.fault_to_server(Fault::Swallow);
        client.write_all(b"lost").await.unwrap();
        link.until_swallowed(4).await;
        link.fault_to_server(Fault::None);
        client.write_all(b"kept").await.unwrap();
        assert_eq!(read_exactly(&mut server, 4).await, b"kept");
    }

    #[tokio::test]
    async fn a_connection_to_come_can_begin_with_a_fault() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = FaultProxy::start(server.local_addr().unwrap()).await;
        proxy.preset(1, Fault::Swallow);
        for swallowed in [false, true, false] {
            let mut client = TcpStream::connect(proxy.address()).await.unwrap();
            let (mut accepted, _) = within("the proxied connection", server.accept()).await.unwrap();
            accepted.write_all(b"response").await.unwrap();
            if swallowed {
                proxy.link(1).await.until_swallowed(8).await;
            } else {
                assert_eq!(read_exactly(&mut client, 8).await, b"response");
            }
        }
    }

    #[tokio::test]
    async fn a_stalled_reader_fills_the_senders_buffers_and_loses_nothing() {
        let (proxy, mut client, mut server) = pair().await;
        let link = proxy.link(0).await;
        link.fault_to_client(Fault::Stall);
        let sent = vec![7; 64 * 1024 * 1024];
        let mut received = vec![0; sent.len()];
        {
            let mut writing = std::pin::pin!(server.write_all(&sent));
            let stuck = tokio::time::timeout(Duration::from_millis(100), writing.as_mut()).await;
            assert!(stuck.is_err(), "64 MiB fitted into the buffers");
            link.fault_to_client(Fault::None);
            let (written, read) =
                within("the rest", async { tokio::join!(writing, client.read_exact(&mut received)) }).await;
            written.unwrap();
            read.unwrap();
        }
        assert!(received == sent);
    }

    #[tokio::test]
    async fn a_cut_ends_both_sides_at_once() {
        let (proxy, mut client, mut server) = pair().await;
        proxy.link(0).await.cut();
        for side in [&mut client, &mut server] {
            let ended = within("the end", side.read_u8()).await;
            assert!(ended.is_err());
        }
    }

    #[tokio::test]
    async fn the_end_of_a_stream_passes_through() {
        let (_proxy, mut client, mut server) = pair().await;
        client.write_all(b"bye").await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(read_exactly(&mut server, 3).await, b"bye");
        assert_eq!(within("the end", server.read(&mut [0])).await.unwrap(), 0);
    }
}
