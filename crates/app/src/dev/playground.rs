//! Playground: a page at `/` of a development server, with devices that run in the browser.
//!
//! The files are served as they are in the source; the page loads nothing from elsewhere, which its policy enforces.

use axum::Router;
use axum::routing::get;
use http::header;

/// Content security policy of the page: its own scripts, styles and connections only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Paths, content types and contents.
const FILES: [(&str, &str, &str); 14] = [
    ("/", HTML, include_str!("playground/index.html")),
    ("/playground/style.css", CSS, include_str!("playground/style.css")),
    ("/playground/page.js", JAVASCRIPT, include_str!("playground/page.js")),
    ("/playground/device.js", JAVASCRIPT, include_str!("playground/device.js")),
    ("/playground/files.js", JAVASCRIPT, include_str!("playground/files.js")),
    ("/playground/rotation.js", JAVASCRIPT, include_str!("playground/rotation.js")),
    ("/playground/connection.js", JAVASCRIPT, include_str!("playground/connection.js")),
    ("/playground/identity.js", JAVASCRIPT, include_str!("playground/identity.js")),
    ("/playground/sharing.js", JAVASCRIPT, include_str!("playground/sharing.js")),
    ("/playground/crypto.js", JAVASCRIPT, include_str!("playground/crypto.js")),
    ("/playground/cbor.js", JAVASCRIPT, include_str!("playground/cbor.js")),
    ("/playground/merge.js", JAVASCRIPT, include_str!("playground/merge.js")),
    ("/playground/frames.js", JAVASCRIPT, include_str!("playground/frames.js")),
    ("/playground/server-view.js", JAVASCRIPT, include_str!("playground/server-view.js")),
];

/// Routes of the page and its files.
pub(crate) fn router() -> Router {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, content)| {
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        router.route(path, get(move || async move { (headers, content) }))
    })
}
