//! Checks of name and address: DNS, and a connection to each address.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use less_sync_doctor::Finding;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// Timeout of a look-up and of a connection.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Looks the host up.
pub(super) async fn resolve(host: &str, port: u16) -> (Finding, Vec<SocketAddr>) {
    if let Ok(address) = host.parse::<IpAddr>() {
        return (
            Finding::ok("dns", format!("{address} is an address")),
            vec![SocketAddr::new(address, port)],
        );
    }
    let advice = "create an A or AAAA record for the host, or correct the URL";
    match timeout(TIMEOUT, lookup_host((host, port))).await {
        Err(_elapsed) => {
            (Finding::fail("dns", format!("no response for {host}"), "check the resolver"), Vec::new())
        }
        Ok(Err(error)) => {
            (Finding::fail("dns", format!("cannot resolve {host}: {error}"), advice), Vec::new())
        }
        Ok(Ok(found)) => {
            let mut addresses: Vec<SocketAddr> = found.collect();
            addresses.dedup();
            let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
            if addresses.is_empty() {
                return (Finding::fail("dns", format!("{host} has no address"), advice), addresses);
            }
            (Finding::ok("dns", format!("{host}: {}", shown.join(", "))), addresses)
        }
    }
}

/// Connects to each address; returns the first one that accepts.
pub(super) async fn reach(addresses: &[SocketAddr]) -> (Finding, Option<SocketAddr>) {
    let attempts = join_all(addresses.iter().map(|address| connect(*address))).await;
    let reached = addresses.iter().zip(&attempts).find(|(_, attempt)| attempt.is_ok());
    let reached = reached.map(|(address, _)| *address);
    let failures: Vec<String> = addresses
        .iter()
        .zip(&attempts)
        .filter_map(|(address, attempt)| Some(format!("{address}: {}", attempt.as_ref().err()?)))
        .collect();
    let finding = match (reached, failures.is_empty()) {
        (Some(_), true) => {
            Finding::ok("connect", format!("{} of {} addresses", attempts.len(), attempts.len()))
        }
        (Some(_), false) => Finding::warn(
            "connect",
            failures.join("; "),
            "remove the DNS record of the address, or let the proxy listen on it: clients that try it first wait",
        ),
        (None, _) => Finding::fail(
            "connect",
            failures.join("; "),
            "start the proxy or the server, and open the port in the firewall",
        ),
    };
    (finding, reached)
}

async fn connect(address: SocketAddr) -> io::Result<()> {
    let connected = timeout(TIMEOUT, TcpStream::connect(address)).await;
    connected.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into())).map(drop)
}

#[cfg(test)]
mod tests {
    use less_sync_doctor::Verdict;

    use super::*;

    #[tokio::test]
    async fn name_without_address_fails_with_the_record_to_create() {
        let (finding, addresses) = resolve("no-such-host.invalid", 443).await;
        assert_eq!((finding.check, finding.verdict), ("dns", Verdict::Fail));
        assert_eq!(addresses, []);
        assert_eq!(resolve("::1", 7).await.1, ["[::1]:7".parse().unwrap()]);
    }

    #[tokio::test]
    async fn address_that_refuses_is_a_warning_beside_one_that_accepts() {
        let open = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (open_at, closed_at) = (open.local_addr().unwrap(), closed.local_addr().unwrap());
        drop(closed);
        let (finding, reached) = reach(&[closed_at, open_at]).await;
        assert_eq!((finding.verdict, reached), (Verdict::Warn, Some(open_at)));
        let (finding, reached) = reach(&[closed_at]).await;
        assert_eq!((finding.verdict, reached), (Verdict::Fail, None));
        assert_eq!(reach(&[open_at]).await.0.verdict, Verdict::Ok);
    }
}
