//! Listener, trusted proxies, CORS, shutdown and logging settings.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use less_sync_api::CorsOrigins;
use tracing_subscriber::EnvFilter;

use super::origins;
use super::reader::Reader;
use super::tls::{self, TlsConfig};

/// Port without `LISTEN_ADDR`.
const DEFAULT_PORT: u16 = 5379;
/// Default idle time of HTTP connections: longer than load balancers keep theirs (50 to 120 s), so that the balancer closes
/// first and never sends a request to a connection that is being closed here.
const IDLE_TIMEOUT: Duration = Duration::from_secs(150);

/// HTTP listener configuration.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Address to listen on (`LISTEN_ADDR`).
    pub listen: ListenAddress,
    /// Certificate and key of the listener; `None`: no TLS.
    pub tls: Option<TlsConfig>,
    /// Allowed CORS origins (`CORS_ALLOWED_ORIGINS`).
    pub cors: CorsOrigins,
    /// Networks whose `X-Forwarded-For` is trusted (`TRUSTED_PROXIES`).
    pub trusted_proxies: Vec<IpNet>,
    /// Announced time for which a connection is kept between two requests (`HTTP_IDLE_TIMEOUT`).
    pub idle_timeout: Duration,
    /// Maximum connections of one address that wait for a request (`HTTP_MAX_WAITING_PER_ADDRESS`).
    pub max_waiting_per_address: usize,
    /// Maximum duration of the whole shutdown (`SHUTDOWN_GRACE_SECS`).
    pub shutdown_grace: Duration,
}

/// Listen address: an IP address or a host name, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// An IP address without brackets, or a host name.
    pub host: String,
    /// Port; zero lets the system choose a free one.
    pub port: u16,
}

/// Logging configuration (`RUST_LOG`, `LOG_FORMAT`).
#[derive(Clone, Debug)]
pub struct LoggingConfig {
    /// Directives of an [`EnvFilter`].
    pub filter: String,
    /// Line format; default: text on a terminal, else JSON.
    pub format: Option<LogFormat>,
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Human-readable text.
    Text,
    /// JSON, one object per line.
    Json,
}

impl ServerConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let listen = listen(reader);
        let tls = tls::read(reader);
        let cors = origins::read(reader);
        let trusted_proxies = trusted_proxies(reader);
        let seconds = Duration::from_secs;
        let idle_timeout = reader.duration("HTTP_IDLE_TIMEOUT", IDLE_TIMEOUT, seconds(1)..=seconds(3600));
        let max_waiting_per_address = reader.count("HTTP_MAX_WAITING_PER_ADDRESS", 512, 1..=1_000_000);
        let shutdown_grace = reader.duration("SHUTDOWN_GRACE_SECS", seconds(25), seconds(1)..=seconds(3600));
        Some(Self {
            listen: listen?,
            tls,
            cors: cors?,
            trusted_proxies: trusted_proxies?,
            idle_timeout,
            max_waiting_per_address,
            shutdown_grace,
        })
    }
}

pub(super) fn listen(reader: &mut Reader<'_>) -> Option<ListenAddress> {
    let text = reader.text("LISTEN_ADDR");
    let address = match &text {
        Some(text) => ListenAddress::parse(text),
        None => Some(ListenAddress { host: "0.0.0.0".to_owned(), port: DEFAULT_PORT }),
    };
    match &address {
        Some(address) => {
            reader.show("LISTEN_ADDR", address);
            if reader.is_development() && !address.is_loopback() {
                reader.problem(format!("--dev allows loopback addresses only, not {address}"));
            }
        }
        None => reader.problem(format!("invalid LISTEN_ADDR \"{}\"", text.unwrap_or_default())),
    }
    address
}

impl ListenAddress {
    /// Parses `host:port`, `[v6]:port` or `:port`; the last one means all addresses of the machine.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok()).flatten()?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match (bracketed, host) {
            (Some(v6), _) => v6.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
            (None, "") => "0.0.0.0".to_owned(),
            (None, name) => is_host(name).then(|| name.to_owned())?,
        };
        Some(Self { host, port })
    }

    /// True if only this machine can reach the address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback_host(&self.host)
    }
}

/// True for an IP address without brackets, or a name, that only this machine can reach.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// True for a host name or an IPv4 address.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let looks_like_v4 = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if looks_like_v4 { text.parse::<std::net::Ipv4Addr>().is_ok() } else { text.split('.').all(label) }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

fn trusted_proxies(reader: &mut Reader<'_>) -> Option<Vec<IpNet>> {
    let text = reader.text("TRUSTED_PROXIES").unwrap_or_default();
    let entries: Vec<_> = text.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).collect();
    let networks: Vec<_> = entries.iter().filter_map(|entry| network(reader, entry)).collect();
    (networks.len() == entries.len()).then_some(networks)
}

fn network(reader: &mut Reader<'_>, entry: &str) -> Option<IpNet> {
    let network = entry.parse::<IpNet>().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from)).ok();
    if network.is_none() {
        reader
            .problem(format!("invalid TRUSTED_PROXIES entry \"{entry}\": expected an address or a network"));
    }
    network
}

impl LoggingConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self { filter: filter(reader), format: format(reader) }
    }
}

fn filter(reader: &mut Reader<'_>) -> String {
    let filter = reader.text("RUST_LOG").unwrap_or_else(|| "info".to_owned());
    if let Err(error) = EnvFilter::try_new(&filter) {
        reader.problem(format!("invalid RUST_LOG value \"{filter}\": {error}"));
    }
    reader.show("RUST_LOG", &filter);
    filter
}

fn format(reader: &mut Reader<'_>) -> Option<LogFormat> {
    let text = reader.text("LOG_FORMAT")?;
    let format = match text.as_str() {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    };
    if format.is_none() {
        reader.problem(format!("invalid LOG_FORMAT value \"{text}\": expected text or json"));
    }
    format
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        ListenAddress::parse(text).map(|address| address.to_string())
    }

    #[test]
    fn addresses_are_written_in_several_ways() {
        let cases = [
            (":5379", "0.0.0.0:5379"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("localhost:0", "localhost:0"),
            ("sync.example.com:443", "sync.example.com:443"),
            ("[::1]:5379", "[::1]:5379"),
            ("[0:0:0:0:0:0:0:1]:1", "[::1]:1"),
        ];
        for (text, expected) in cases {
            assert_eq!(parsed(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_things_are_no_addresses() {
        for text in [
            "",
            "5379",
            ":",
            ":http",
            "1.2.3:80",
            "1.2.3.4.5:80",
            "::1:80",
            "host:65536",
            "host:+1",
            "a b:1",
            "[x]:1",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn loopback_is_known_by_address_and_by_name() {
        for text in ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:1"] {
            assert!(ListenAddress::parse(text).unwrap().is_loopback(), "{text}");
        }
        for text in [":1", "0.0.0.0:1", "10.0.0.1:1", "[::]:1", "example.com:1", "localhost.example.com:1"] {
            assert!(!ListenAddress::parse(text).unwrap().is_loopback(), "{text}");
        }
    }
}
