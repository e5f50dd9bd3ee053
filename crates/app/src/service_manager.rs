//! Tells the service manager how things stand, when there is one (`sd_notify`).

use std::io;
use std::os::unix::net::UnixDatagram;

/// Where the service manager listens: the value of `NOTIFY_SOCKET`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceManager {
    socket: Option<String>,
}

impl ServiceManager {
    pub(crate) fn new(socket: Option<String>) -> Self {
        Self { socket }
    }

    pub(crate) fn ready(&self) {
        self.tell(b"READY=1");
    }

    pub(crate) fn stopping(&self) {
        self.tell(b"STOPPING=1");
    }

    fn tell(&self, state: &[u8]) {
        if let Some(socket) = &self.socket
            && let Err(error) = send(socket, state)
        {
            tracing::debug!(%error, "the service manager cannot be told");
        }
    }
}

/// A name that begins with `@` is an abstract one.
fn send(socket: &str, state: &[u8]) -> io::Result<usize> {
    let datagram = UnixDatagram::unbound()?;
    match socket.strip_prefix('@') {
        Some(name) => datagram.send_to_addr(state, &abstract_address(name)?),
        None => datagram.send_to(state, socket),
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &str) -> io::Result<std::os::unix::net::SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    std::os::unix::net::SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_name: &str) -> io::Result<std::os::unix::net::SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}
