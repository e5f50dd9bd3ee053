//! Signing of requests to peers (auth §9.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use less_sync_core::Timestamp;
use url::Url;

use super::REQUIRED;
use super::base::signature_base;
use crate::federation::{KeyId, SigningKey};

/// Request to be signed.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingRequest<'r> {
    /// Method.
    pub method: &'r str,
    /// Signed URL; its scheme may differ from that of the connection (federation AU-5).
    pub url: &'r Url,
    /// Headers covered after `host`, in this order: names in lowercase with their values. The first one binds the signature to
    /// this request (federation AU-3, §7.7).
    pub headers: &'r [(&'r str, &'r str)],
}

/// Both headers of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureHeaders {
    /// Value of `Signature-Input`.
    pub signature_input: String,
    /// Value of `Signature`.
    pub signature: String,
}

/// Header `Host` for `url`: the host, with the port unless it is the default of the scheme. `None` without a host.
#[must_use]
pub fn host_header(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// Signs `request` at `created`, with the parameters `keyid`, `alg` and `created` in this order and no other (federation AU-1).
///
/// `None` for a URL without a host.
#[must_use]
pub fn sign(
    request: &OutgoingRequest<'_>,
    key_id: &KeyId,
    key: &SigningKey,
    created: Timestamp,
) -> Option<SignatureHeaders> {
    let host = host_header(request.url)?;
    let mut url = request.url.clone();
    url.set_fragment(None);
    let derived = [request.method.to_owned(), url.to_string(), host];
    let covered = request.headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
    let components: Vec<(&str, String)> = REQUIRED.into_iter().zip(derived).chain(covered).collect();
    let names: Vec<String> = components.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let created = created.unix_seconds();
    let params = format!("({});keyid=\"{key_id}\";alg=\"ed25519\";created={created}", names.join(" "));
    let signature = key.sign(signature_base(components, &params).as_bytes());
    Some(SignatureHeaders {
        signature_input: format!("sig={params}"),
        signature: format!("sig=:{}:", STANDARD.encode(signature)),
    })
}
