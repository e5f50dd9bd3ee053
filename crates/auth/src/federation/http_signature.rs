//! HTTP message signatures between servers: a subset of RFC 9421 with Ed25519 (auth §9, federation §7).
//!
//! [`sign`] makes the two headers of a request. [`SignatureInput::parse`] does the checks that need no key;
//! [`SignatureInput::verify`] those with the keys that the caller found for [`SignatureInput::key_id`].

mod base;
mod error;
mod fields;
mod input;
mod policy;
mod sign;
mod verified;

pub use error::SignatureError;
pub use input::SignatureInput;
pub use policy::{InvalidScheme, SignaturePolicy, TargetScheme};
pub use sign::{OutgoingRequest, SignatureHeaders, host_header, sign};
pub use verified::VerifiedSignature;

/// Label of the signature in both headers.
const LABEL: &str = "sig";

/// Components that every signature covers (auth §9.2, row 6).
const REQUIRED: [&str; 3] = ["@method", "@target-uri", "host"];

/// Received request, as far as signatures cover it.
#[derive(Clone, Copy, Debug)]
pub struct ReceivedRequest<'r> {
    /// Method.
    pub method: &'r str,
    /// Request target exactly as received: path and query, or an absolute URL.
    pub target: &'r str,
    /// Header lines in the order received. Names are compared without regard to case.
    pub headers: &'r [(&'r str, &'r str)],
}

impl ReceivedRequest<'_> {
    /// Value of header `name`: lines trimmed and joined with `, `. `None` when the header is absent.
    fn header(&self, name: &str) -> Option<String> {
        let lines = self.headers.iter().filter(|(line, _)| line.eq_ignore_ascii_case(name));
        lines
            .map(|(_, value)| value.trim_matches([' ', '\t']).to_owned())
            .reduce(|all, line| all + ", " + &line)
    }
}
