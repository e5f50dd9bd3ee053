//! Settings of trust in other servers, and of the authentication of their links (federation §5.2).

use std::path::PathBuf;
use std::time::Duration;

use less_sync_auth::federation::http_signature::{SignaturePolicy, TargetScheme};
use less_sync_federation::trust::{TrustEnvironment, TrustSource, parse_trusted_domains, parse_trusted_keys};

use crate::config::reader::Reader;

/// Trust in other servers.
#[derive(Clone, Debug, Default)]
pub struct TrustConfig {
    /// Lists of the environment, and the peers file.
    pub source: TrustSource,
    /// True with `FEDERATION_KEY_DISCOVERY=jwks`: key sets of trusted peers are fetched.
    pub has_discovery: bool,
    /// True with `FEDERATION_ALLOW_PRIVATE_NETWORKS`: peers are dialled at private addresses too, and their documents
    /// fetched from there.
    pub allow_private_networks: bool,
    /// Certificates that dials trust beside those of the system (`FEDERATION_CA_FILE`).
    pub ca_file: Option<PathBuf>,
    /// Bounds and accepted forms of signatures.
    pub signatures: SignaturePolicy,
    /// Maximum inbound links of one peer (`FEDERATION_MAX_CONNECTIONS`).
    pub max_connections: u32,
}

impl TrustConfig {
    /// Returns true when links of other servers are accepted at the start.
    pub(super) fn accepts_links(&self) -> bool {
        self.source.load().is_ok_and(|trust| trust.accepts_links(self.has_discovery))
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let trust = Self {
            source: source(reader),
            has_discovery: choice(reader, "FEDERATION_KEY_DISCOVERY", &["static", "jwks"]) == "jwks",
            allow_private_networks: reader.switch("FEDERATION_ALLOW_PRIVATE_NETWORKS", false),
            ca_file: reader.text("FEDERATION_CA_FILE").map(PathBuf::from),
            signatures: signatures(reader),
            max_connections: reader.count("FEDERATION_MAX_CONNECTIONS", 3, 1..=1000),
        };
        if let Some(file) = &trust.ca_file
            && let Err(error) = std::fs::metadata(file)
        {
            reader.problem(format!("cannot read FEDERATION_CA_FILE \"{}\": {error}", file.display()));
        }
        // Open mode is for a later version.
        choice(reader, "FEDERATION_MODE", &["allowlist"]);
        if let Err(error) = trust.source.load() {
            reader.problem(less_sync_core::ErrorChain(&error).to_string());
        }
        trust
    }
}

fn source(reader: &mut Reader<'_>) -> TrustSource {
    let domains = reader.text("FEDERATION_TRUSTED_DOMAINS").unwrap_or_default();
    let keys = reader.text("FEDERATION_TRUSTED_KEYS").unwrap_or_default();
    let environment = parse_trusted_domains(&domains)
        .and_then(|domains| TrustEnvironment::new(domains, parse_trusted_keys(&keys)?));
    let environment = environment.unwrap_or_else(|invalid| {
        reader.problem(invalid.to_string());
        TrustEnvironment::default()
    });
    TrustSource { environment, file: reader.text("FEDERATION_PEERS_FILE").map(Into::into) }
}

fn signatures(reader: &mut Reader<'_>) -> SignaturePolicy {
    let default = SignaturePolicy::default();
    SignaturePolicy {
        max_ahead: Duration::from_secs(reader.count("FEDERATION_SIGNATURE_FUTURE_SECONDS", 60, 0..=300)),
        schemes: schemes(reader),
        require_bound: reader.switch("FEDERATION_REQUIRE_BOUND_SIGNATURES", false),
        ..default
    }
}

fn schemes(reader: &mut Reader<'_>) -> Vec<TargetScheme> {
    const NAME: &str = "FEDERATION_SIGNATURE_SCHEMES";
    let text = reader.text(NAME).unwrap_or_else(|| "wss,https,ws,http".to_owned());
    reader.show(NAME, &text);
    let parsed =
        text.split(',').map(|scheme| scheme.trim().parse()).collect::<Result<Vec<TargetScheme>, _>>();
    let unique = |schemes: &Vec<TargetScheme>| {
        schemes.iter().enumerate().all(|(at, scheme)| !schemes.iter().take(at).any(|other| other == scheme))
    };
    match parsed {
        Ok(schemes) if unique(&schemes) => schemes,
        _ => {
            let expected = "expected different ones of wss, https, ws and http, comma-separated";
            reader.problem(format!("invalid {NAME} value \"{text}\": {expected}"));
            TargetScheme::ALL.to_vec()
        }
    }
}

/// Reads a setting with fixed values, of which the first one is the default.
fn choice(reader: &mut Reader<'_>, name: &'static str, values: &[&'static str]) -> &'static str {
    let default = values.first().copied().unwrap_or_default();
    let Some(text) = reader.text(name) else {
        reader.show(name, default);
        return default;
    };
    let chosen = values.iter().copied().find(|value| *value == text);
    chosen.unwrap_or_else(|| {
        reader.problem(format!("invalid {name} value \"{text}\": expected {}", values.join(" or ")));
        default
    })
}
