//! Text that a signature covers (auth §9.1, federation §7.2).

use super::{ReceivedRequest, TargetScheme};

/// Writes the signature base: one line per component, then the parameters as they stand in `Signature-Input`.
pub(super) fn signature_base<'c>(
    components: impl IntoIterator<Item = (&'c str, String)>,
    signature_params: &str,
) -> String {
    let mut base = String::new();
    for (name, value) in components {
        base.extend(["\"", name, "\": ", &value, "\n"]);
    }
    base + "\"@signature-params\": " + signature_params
}

/// Value of `component` of a received request, with `scheme` as the scheme of its target. `None` for a component that is unknown
/// or absent.
pub(super) fn component_value(
    component: &str,
    request: &ReceivedRequest<'_>,
    scheme: TargetScheme,
) -> Option<String> {
    match component {
        "@method" => Some(request.method.to_owned()),
        "@target-uri" => target_uri(request, scheme),
        "@authority" => {
            let authority = request.header("host")?.to_ascii_lowercase();
            Some(authority.strip_suffix(scheme.default_port()).unwrap_or(&authority).to_owned())
        }
        "@path" => request.target.split('?').next().map(str::to_owned),
        name if is_header_name(name) => request.header(name),
        _ => None,
    }
}

/// Absolute URL of the request. Absolute targets are taken as received (federation AU-4).
fn target_uri(request: &ReceivedRequest<'_>, scheme: TargetScheme) -> Option<String> {
    if !request.target.starts_with('/') {
        return Some(request.target.to_owned());
    }
    Some(format!("{}://{}{}", scheme.as_str(), request.header("host")?, request.target))
}

/// Returns true for a field name in lowercase (RFC 9110 token).
fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
        })
}
