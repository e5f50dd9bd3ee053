//! Settings of federation (operations §2.6).

use less_sync_auth::federation::http_signature::TargetScheme;

use super::settings::{config, problems};

const KEY: &str = "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw";

#[test]
fn peers_are_trusted_by_setting_only() {
    let federation = config(&[]).federation;
    assert!(federation.domain.is_none() && federation.sealing.is_none());
    assert_eq!(federation.trust.source.load().unwrap().peers().count(), 0);
    assert_eq!(federation.trust.max_connections, 3);
}

#[test]
fn lists_are_canonical() {
    let entry = format!("https://b.example/.well-known/jwks.json#k={KEY}");
    let settings = [
        ("FEDERATION_TRUSTED_DOMAINS", "https://C.example:443/x, b.example."),
        ("FEDERATION_TRUSTED_KEYS", &entry),
    ];
    let trust = config(&settings).federation.trust.source.load().unwrap();
    let peers: Vec<_> = trust.peers().map(|peer| (peer.id().as_str(), peer.keys.len())).collect();
    assert_eq!(peers, [("b.example", 1), ("c.example", 0)]);
    let signatures = config(&[("FEDERATION_SIGNATURE_SCHEMES", "ws, wss")]).federation.trust.signatures;
    assert_eq!(signatures.schemes, [TargetScheme::Ws, TargetScheme::Wss]);
}

#[test]
fn invalid_values_are_named() {
    let foreign = format!("https://b.example/.well-known/jwks.json#k={KEY}");
    for (settings, expected) in [
        (&[("FEDERATION_DOMAIN", "a b")][..], "invalid FEDERATION_DOMAIN value \"a b\": host must be"),
        (
            &[("FEDERATION_KEY_ENCRYPTION_KEY", "aa")],
            "invalid FEDERATION_KEY_ENCRYPTION_KEY: expected 64 hexadecimal digits",
        ),
        (
            &[("FEDERATION_JWKS_KID", "short")],
            "invalid FEDERATION_JWKS_KID value \"short\": expected full or both",
        ),
        (&[("FEDERATION_MODE", "open")], "invalid FEDERATION_MODE value \"open\": expected allowlist"),
        (
            &[("FEDERATION_KEY_DISCOVERY", "dns")],
            "invalid FEDERATION_KEY_DISCOVERY value \"dns\": expected static or jwks",
        ),
        (
            &[("FEDERATION_SIGNATURE_SCHEMES", "wss,wss")],
            "invalid FEDERATION_SIGNATURE_SCHEMES value \"wss,wss\"",
        ),
        (
            &[("FEDERATION_SIGNATURE_FUTURE_SECONDS", "301")],
            "invalid FEDERATION_SIGNATURE_FUTURE_SECONDS value \"301\"",
        ),
        (&[("FEDERATION_MAX_CONNECTIONS", "0")], "invalid FEDERATION_MAX_CONNECTIONS value \"0\""),
        (&[("FEDERATION_TRUSTED_KEYS", "x")], "invalid FEDERATION_TRUSTED_KEYS entry \"x\""),
        (
            &[("FEDERATION_TRUSTED_DOMAINS", "a"), ("FEDERATION_TRUSTED_KEYS", &foreign)],
            "FEDERATION_TRUSTED_KEYS domain \"b.example\" is not listed in FEDERATION_TRUSTED_DOMAINS",
        ),
        (
            &[("FEDERATION_PEERS_FILE", "/nowhere/peers.toml")],
            "cannot read peers file \"/nowhere/peers.toml\": ",
        ),
    ] {
        let found = problems(settings);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}\nexpected: {expected}");
    }
}

/// Federation T-053…056: file and line.
#[test]
fn defect_of_the_peers_file_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("peers.toml");
    std::fs::write(&path, "version = 1\n\n[[peer]]\ndomain = \"b.example\"\ntrust = \"friend\"\n").unwrap();
    let path = path.to_str().unwrap();
    let expected = format!(
        "invalid peers file: {path}:5: unknown value \"friend\": expected one of trusted, quarantined, blocked"
    );
    assert_eq!(problems(&[("FEDERATION_PEERS_FILE", path)]), [expected]);
}
