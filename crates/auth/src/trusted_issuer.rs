//! Trusted issuers and accepted audiences (auth §2.5).

use std::collections::HashSet;

use url::{Host, Url};

/// Maximum length of a URL, in bytes: issuers are stored.
const MAX_URL_BYTES: usize = 2048;

const DEFAULT_KEY_SET: &str = "/.well-known/jwks.json";

/// Issuer trusted by the operator, with the URL of its key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedIssuer {
    issuer: String,
    key_set_url: Url,
}

/// Invalid `TRUSTED_ISSUERS`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTrustedIssuers {
    /// Empty list.
    #[error("TRUSTED_ISSUERS must be set")]
    Empty,
    /// Issuer that is not a URL of the accepted form.
    #[error("invalid issuer URL {url:?}: {reason}")]
    IssuerUrl {
        /// Entry as configured.
        url: String,
        /// Defect of the URL.
        reason: InvalidUrl,
    },
    /// Key set URL that is not of the accepted form.
    #[error("invalid jwks_url URL {url:?}: {reason}")]
    KeySetUrl {
        /// Entry as configured.
        url: String,
        /// Defect of the URL.
        reason: InvalidUrl,
    },
    /// Two entries with the same issuer.
    #[error("TRUSTED_ISSUERS names issuer {0:?} twice")]
    Repeated(String),
}

/// Defect of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Text that is not an absolute URL.
    #[error("{0}")]
    Syntax(url::ParseError),
    /// More than 2048 bytes.
    #[error("must not be longer than 2048 bytes")]
    Length,
    /// Scheme other than `http` and `https`.
    #[error("scheme must be http or https")]
    Scheme,
    /// User name or password in the URL.
    #[error("must not contain user information")]
    UserInfo,
    /// Fragment in the URL.
    #[error("must not contain a fragment")]
    Fragment,
}

impl TrustedIssuer {
    /// Parses one entry: `issuer` or `issuer=jwks_url`, split at the first `=`. By default the key set is at
    /// `/.well-known/jwks.json` below the issuer.
    ///
    /// # Errors
    /// [`InvalidTrustedIssuers`], naming the invalid URL.
    pub fn parse(entry: &str) -> Result<Self, InvalidTrustedIssuers> {
        let (issuer, key_set_url) = match entry.split_once('=') {
            Some((issuer, key_set_url)) => (issuer, Some(key_set_url)),
            None => (entry, None),
        };
        let rejected = |reason| InvalidTrustedIssuers::IssuerUrl { url: issuer.to_owned(), reason };
        parse_url(issuer).map_err(rejected)?;
        let issuer = comparable_issuer(issuer).to_owned();
        let key_set_url = key_set_url.map_or_else(|| format!("{issuer}{DEFAULT_KEY_SET}"), str::to_owned);
        match parse_url(&key_set_url) {
            Ok(key_set_url) => Ok(Self { issuer, key_set_url }),
            Err(reason) => Err(InvalidTrustedIssuers::KeySetUrl { url: key_set_url, reason }),
        }
    }

    /// Parses `TRUSTED_ISSUERS`: entries separated by whitespace.
    ///
    /// # Errors
    /// [`InvalidTrustedIssuers`]: an empty list, an invalid entry, or a duplicate issuer.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, InvalidTrustedIssuers> {
        let issuers = text.split_ascii_whitespace().map(Self::parse).collect::<Result<Vec<_>, _>>()?;
        if issuers.is_empty() {
            return Err(InvalidTrustedIssuers::Empty);
        }
        let mut seen = HashSet::new();
        match issuers.iter().find(|issuer| !seen.insert(issuer.issuer())) {
            Some(repeated) => Err(InvalidTrustedIssuers::Repeated(repeated.issuer.clone())),
            None => Ok(issuers),
        }
    }

    /// Issuer without trailing slashes, compared byte by byte with the `iss` of a token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// URL of the key set.
    #[must_use]
    pub const fn key_set_url(&self) -> &Url {
        &self.key_set_url
    }

    /// Returns true when keys travel over plain HTTP beyond this machine and its named neighbours. Worth a warning: an
    /// attacker on the path can replace them (auth S-23).
    #[must_use]
    pub fn keys_travel_in_clear(&self) -> bool {
        self.key_set_url.scheme() == "http" && !self.key_set_url.host().is_some_and(|host| is_near(&host))
    }
}

/// Issuer without trailing slashes: the form in which configured and claimed issuers are compared.
pub(crate) fn comparable_issuer(issuer: &str) -> &str {
    issuer.trim_end_matches('/')
}

/// Parses `AUDIENCES`: separated by commas; surrounding blanks and empty entries are dropped.
#[must_use]
pub fn parse_audiences(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|audience| !audience.is_empty()).map(str::to_owned).collect()
}

fn parse_url(text: &str) -> Result<Url, InvalidUrl> {
    if text.len() > MAX_URL_BYTES {
        return Err(InvalidUrl::Length);
    }
    let url = Url::parse(text).map_err(InvalidUrl::Syntax)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(InvalidUrl::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidUrl::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(InvalidUrl::Fragment);
    }
    Ok(url)
}

/// Loopback address, or a name without a dot, as containers of one network have.
fn is_near(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => !name.contains('.'),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Vec<(String, String)> {
        let issuers = TrustedIssuer::parse_list(text).unwrap();
        issuers.iter().map(|each| (each.issuer().to_owned(), each.key_set_url().to_string())).collect()
    }

    fn rejection(text: &str) -> String {
        TrustedIssuer::parse_list(text).unwrap_err().to_string()
    }

    fn pair(issuer: &str, key_set: &str) -> (String, String) {
        (issuer.to_owned(), key_set.to_owned())
    }

    #[test]
    fn an_issuer_may_name_its_key_set() {
        let text = "https://accounts.example.com=http://accounts:5377/.well-known/jwks.json \n http://localhost:25387//";
        assert_eq!(
            addresses(text),
            [
                pair("https://accounts.example.com", "http://accounts:5377/.well-known/jwks.json"),
                pair("http://localhost:25387", "http://localhost:25387/.well-known/jwks.json"),
            ]
        );
    }

    #[test]
    fn an_entry_is_split_at_its_first_equals_sign() {
        assert_eq!(
            addresses("https://a.example=https://b.example/k?v=1"),
            [pair("https://a.example", "https://b.example/k?v=1")]
        );
    }

    #[test]
    fn no_issuer_at_all_is_rejected() {
        assert_eq!(rejection(""), "TRUSTED_ISSUERS must be set");
        assert_eq!(rejection(" \n "), "TRUSTED_ISSUERS must be set");
    }

    #[test]
    fn a_url_that_is_none_of_ours_is_named() {
        assert_eq!(rejection("nope"), r#"invalid issuer URL "nope": relative URL without a base"#);
        assert_eq!(
            rejection("ftp://a.example"),
            r#"invalid issuer URL "ftp://a.example": scheme must be http or https"#
        );
        assert_eq!(
            rejection("https://a.example=file:///keys"),
            r#"invalid jwks_url URL "file:///keys": scheme must be http or https"#
        );
        assert_eq!(
            rejection("https://a.example=https://u:p@b.example"),
            r#"invalid jwks_url URL "https://u:p@b.example": must not contain user information"#
        );
        assert_eq!(
            rejection("https://a.example#x"),
            r#"invalid issuer URL "https://a.example#x": must not contain a fragment"#
        );
        let long = format!("https://a.example/{}", "x".repeat(2048));
        assert!(rejection(&long).ends_with("must not be longer than 2048 bytes"));
    }

    #[test]
    fn an_issuer_may_be_named_once_only() {
        assert_eq!(
            rejection("https://a.example https://b.example https://a.example/=https://b.example/keys"),
            r#"TRUSTED_ISSUERS names issuer "https://a.example" twice"#
        );
    }

    /// S-23.
    #[test]
    fn plain_http_is_worth_a_warning_beyond_the_machine_and_its_neighbours() {
        let in_clear = |entry: &str| TrustedIssuer::parse(entry).unwrap().keys_travel_in_clear();
        for near in [
            "http://localhost:1",
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://accounts",
            "https://a.example",
        ] {
            assert!(!in_clear(near), "{near}");
        }
        for far in ["http://a.example", "http://10.0.0.1", "https://a.example=http://b.example/keys"] {
            assert!(in_clear(far), "{far}");
        }
    }

    #[test]
    fn audiences_are_trimmed_and_blanks_dropped() {
        assert_eq!(parse_audiences(" less-sync, ,betterbase-sync,"), ["less-sync", "betterbase-sync"]);
        assert!(parse_audiences(" , ").is_empty());
    }
}
