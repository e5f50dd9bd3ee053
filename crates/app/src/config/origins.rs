//! Origins that browsers and installed apps may send requests from (`CORS_ALLOWED_ORIGINS`).

use http::HeaderValue;
use less_sync_api::CorsOrigins;
use url::Url;

use super::reader::Reader;

const NAME: &str = "CORS_ALLOWED_ORIGINS";

/// Reads the list of origins; `None` if it contains no valid one.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<CorsOrigins> {
    let Some(text) = reader.text(NAME).filter(|text| text != "*") else {
        reader.show(NAME, "*");
        return Some(CorsOrigins::Any);
    };
    let entries = text.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty());
    let origins: Vec<_> = entries.filter_map(|entry| origin(reader, entry)).collect();
    (!origins.is_empty()).then_some(CorsOrigins::Listed(origins))
}

fn origin(reader: &mut Reader<'_>, entry: &str) -> Option<HeaderValue> {
    if is_origin(entry) {
        return HeaderValue::from_str(entry).ok();
    }
    reader.problem(format!("invalid {NAME} entry \"{entry}\": expected scheme://host, null or *"));
    None
}

/// True for an origin as browsers and web views send it: `null`, or scheme, host, and port unless it is the default.
fn is_origin(entry: &str) -> bool {
    if entry == "null" {
        return true;
    }
    // A host with a wildcard would be compared byte by byte, and match nothing.
    let Some(url) = Url::parse(entry).ok().filter(|_| !entry.contains('*')) else { return false };
    let origin = url.origin();
    if origin.is_tuple() { origin.ascii_serialization() == entry } else { is_app_origin(entry) }
}

/// True for an origin with the scheme of an app or a browser extension, such as `capacitor://localhost`. The URL standard
/// gives no serialization for them; web views send scheme, host and port in lower case.
fn is_app_origin(entry: &str) -> bool {
    let Some((scheme, authority)) = entry.split_once("://") else { return false };
    let is_scheme = scheme
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'));
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let is_host = host
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_'));
    // Web views of Android send `file://` for pages of the app.
    let is_complete = !host.is_empty() || entry == "file://";
    is_scheme && is_host && is_complete && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_of_sites_apps_and_extensions_are_accepted() {
        for entry in [
            "https://app.example",
            "http://localhost:8080",
            "https://[2001:db8::1]:8443",
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "http://tauri.localhost",
            "app://obsidian.md",
            "app://-",
            "app://.",
            "chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh",
            "moz-extension://5b2f1d3a-0c9e-4a57-9b1e-0d6f2c8a4e11",
            "safari-web-extension://a1b2c3d4",
            "com.example.app://localhost:3000",
            "file://",
            "null",
        ] {
            assert!(is_origin(entry), "{entry}");
        }
    }

    #[test]
    fn entries_that_no_browser_sends_are_rejected() {
        for entry in [
            "https://app.example/",
            "https://app.example:443",
            "https://App.example",
            "https://user@app.example",
            "app.example",
            "localhost:8080",
            "https://*.example",
            "capacitor://localhost/",
            "capacitor://Localhost",
            "Capacitor://localhost",
            "capacitor://",
            "capacitor://user@localhost",
            "app://host:port",
            "app://host:65536",
            "app://host?query",
            "file:///index.html",
            "data:text/html,x",
            "Null",
            "*",
        ] {
            assert!(!is_origin(entry), "{entry}");
        }
    }
}
