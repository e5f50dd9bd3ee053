//! Verification of upgrades as original servers do it (federation §7.2, AU-1), by a reader of its own.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Uri;

/// Age and lead of a signature, in seconds.
const WINDOW: u64 = 300;

/// Checks the signature of an upgrade with the keys by their ids.
///
/// # Errors
/// The first defect of the signature.
pub(super) fn verify<'h>(
    uri: &Uri,
    header: &impl Fn(&str) -> Option<&'h str>,
    keys: &HashMap<String, Vec<u8>>,
) -> Result<(), &'static str> {
    let input = header("signature-input").and_then(|text| text.strip_prefix("sig=(")).ok_or("no input")?;
    let (names, parameters) = input.split_once(')').ok_or("no end of the components")?;
    let names: Vec<&str> = names.split(' ').map(|name| name.trim_matches('"')).collect();
    if !["@method", "@target-uri", "host"].iter().all(|name| names.contains(name)) {
        return Err("a component is missing");
    }
    let parameter = |name: &str| {
        let mut all = parameters.split(';').filter_map(|pair| pair.split_once('='));
        all.find(|(key, _)| *key == name).map(|(_, value)| value.trim_matches('"'))
    };
    let key_id = parameter("keyid").ok_or("no key id")?;
    let created: u64 = parameter("created").and_then(|text| text.parse().ok()).ok_or("no time")?;
    if parameter("alg") != Some("ed25519") || now().abs_diff(created) > WINDOW {
        return Err("algorithm or age");
    }
    let host = header("host").ok_or("no host")?;
    let mut lines = Vec::new();
    for name in &names {
        let value = match *name {
            "@method" => "GET".to_owned(),
            // For any dialled address: the listener sees a path only.
            "@target-uri" => format!("ws://{host}{}", uri.path_and_query().map_or("/", |path| path.as_str())),
            name => header(name).ok_or("a signed header is missing")?.to_owned(),
        };
        lines.push(format!("\"{name}\": {value}"));
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let rebuilt = format!("({});keyid=\"{key_id}\";alg=\"ed25519\";created={created}", quoted.join(" "));
    lines.push(format!("\"@signature-params\": {rebuilt}"));
    let signature = header("signature").and_then(|text| text.strip_prefix("sig=:")?.strip_suffix(':'));
    let signature = BASE64_STANDARD.decode(signature.ok_or("no signature")?).map_err(|_| "base64")?;
    let key = UnparsedPublicKey::new(&ED25519, keys.get(key_id).ok_or("unknown key")?);
    key.verify(lines.join("\n").as_bytes(), &signature).map_err(|_| "wrong signature")
}

#[expect(clippy::disallowed_methods, reason = "the original has the system's clock only")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs()
}
