//! Notifications to the service manager (`sd_notify`).

use std::io;
use std::os::unix::net::UnixDatagram;

/// Notification socket of the service manager (`NOTIFY_SOCKET`), if there is one.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceManager {
    socket: Option<String>,
}

impl ServiceManager {
    pub(crate) fn new(socket: Option<String>) -> Self {
        Self { socket }
    }

    pub(crate) fn ready(&self) {
        self.notify(b"READY=1");
    }

    pub(crate) fn stopping(&self) {
        self.notify(b"STOPPING=1");
    }

    fn notify(&self, state: &[u8]) {
        if let Some(socket) = &self.socket
            && let Err(error) = send(socket, state)
        {
            tracing::debug!(%error, "failed to notify the service manager");
        }
    }
}

/// Sends a notification. A name with `@` at its start is an abstract socket.
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
