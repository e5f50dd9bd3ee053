//! `healthcheck` command: requests `/readyz`, so that container images need no HTTP client (operations §8).

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::{Context as _, bail};
use url::Url;

/// Maximum number of response bytes read.
const MAX_STATUS_LINE_BYTES: u64 = 64;

/// Checks that the server at `url` is ready, within about twice `timeout`.
///
/// # Errors
/// The server is not ready or does not respond.
pub(crate) fn check(url: &Url, timeout: Duration) -> anyhow::Result<()> {
    if url.scheme() != "http" {
        bail!("only http URLs can be checked");
    }
    let host = url.host_str().context("the URL has no host")?;
    let mut stream = connect(url, timeout).with_context(|| format!("cannot reach {}", url.authority()))?;
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    write!(stream, "GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    let mut response = Vec::new();
    stream.take(MAX_STATUS_LINE_BYTES).read_to_end(&mut response).context("no response")?;
    match status(&response) {
        Some(200) => Ok(()),
        Some(status) => bail!("not ready (status {status})"),
        None => bail!("response is not HTTP"),
    }
}

fn connect(url: &Url, timeout: Duration) -> anyhow::Result<TcpStream> {
    let authority = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80));
    let host = authority.0.trim_start_matches('[').trim_end_matches(']');
    let addresses = (host, authority.1).to_socket_addrs()?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))?;
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(|| anyhow::anyhow!("host name has no address"), Into::into))
}

/// Status code of a status line.
fn status(response: &[u8]) -> Option<u16> {
    let line = str::from_utf8(response.get(..12)?).ok()?;
    let code = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "))?;
    code.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_parsed_from_the_first_line() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.1 503 Service Unavailable\r\n"), Some(503));
        assert_eq!(status(b"HTTP/1.1 20"), None);
        assert_eq!(status(b"SSH-2.0-OpenSSH_9.2p1"), None);
        assert_eq!(status(b""), None);
    }
}
