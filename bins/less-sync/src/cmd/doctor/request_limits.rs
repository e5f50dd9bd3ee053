//! Checks of the limits of a proxy: bodies of files, headers with chains of UCANs, buffering of uploads.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use http_body_util::StreamBody;
use hyper::body::Frame;
use less_sync_core::limits::KIB;
use less_sync_doctor::Finding;
use tokio::time::timeout;

use super::site::{Answer, Site};
use crate::drip;

/// Size of `X-UCAN` that servers accept (http §1.2), less the name of the header.
const CHAIN: usize = 64 * KIB - 16;

/// Part of a body that is sent at once, in bytes; the rest never follows.
const PIECE: usize = 16 * KIB;

/// Time for the response to a request without credentials, which does not wait for the body.
const EARLY: Duration = Duration::from_secs(5);

/// Announces a file of so many bytes, without credentials, and sends the beginning. The server rejects the request at once;
/// a proxy with a smaller limit does so before it.
pub(super) async fn bodies(site: &Site, path: &str, bytes: u64) -> Vec<Finding> {
    const CHECK: &str = "body-limit";
    let piece = Ok::<_, Infallible>(Frame::data(Bytes::from(vec![0; PIECE])));
    let body = StreamBody::new(stream::iter([piece]).chain(drip::body().map_ok(Frame::data)));
    let (mut head, _) = site.request(Method::PUT, path).into_parts();
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let finding = match timeout(EARLY, site.send(Request::from_parts(head, body))).await {
        Err(_elapsed) => Finding::warn(
            CHECK,
            "no response before the end of the body: the proxy stores uploads before it forwards them",
            "turn the buffering of requests off (nginx: proxy_request_buffering off)",
        ),
        Ok(Err(error)) => Finding::fail(CHECK, format!("{error:#}"), "look at the log of the proxy"),
        Ok(Ok(answer)) => of_body(CHECK, &answer, bytes),
    };
    vec![finding]
}

fn of_body(check: &'static str, answer: &Answer, bytes: u64) -> Finding {
    let mib = bytes.div_ceil(1024 * 1024);
    match (answer.is_of_server(), answer.status) {
        (true, 413) => Finding::warn(
            check,
            format!("the server rejects files of {mib} MiB"),
            "give --max-file-size as MAX_FILE_SIZE of the server",
        ),
        (true, _) => Finding::ok(check, format!("files of {mib} MiB reach the server")),
        (false, 413) => Finding::fail(
            check,
            format!("the proxy rejects files of {mib} MiB: {}", answer.summary()),
            "raise its limit to MAX_FILE_SIZE and 64 KiB (nginx: client_max_body_size; Caddy: request_body)",
        ),
        (false, _) => Finding::fail(
            check,
            format!("an upload does not reach the server: {}", answer.summary()),
            "pass PUT requests below /api/v1/ to the server",
        ),
    }
}

/// Sends a header as large as a chain of UCANs may be.
pub(super) async fn headers(site: &Site, path: &str) -> Vec<Finding> {
    const CHECK: &str = "header-limit";
    let mut request = site.request(Method::GET, path);
    if let Ok(chain) = HeaderValue::from_str(&"a".repeat(CHAIN)) {
        request.headers_mut().insert("x-ucan", chain);
    }
    let advice = "raise its limit to 96 KiB (nginx: large_client_header_buffers 4 96k)";
    vec![match site.send(request).await {
        Ok(answer) if answer.is_of_server() => Finding::ok(CHECK, "headers of 64 KiB reach the server"),
        Ok(answer) => {
            Finding::fail(CHECK, format!("the proxy rejects headers of 64 KiB: {}", answer.summary()), advice)
        }
        Err(error) => Finding::fail(CHECK, format!("headers of 64 KiB: {error:#}"), advice),
    }]
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use less_sync_doctor::Verdict;

    use super::*;

    #[test]
    fn rejections_of_the_proxy_fail_and_those_of_the_server_do_not() {
        let verdict = |status, is_of_server| {
            let mut headers = HeaderMap::new();
            if is_of_server {
                headers.insert("x-protocol-version", HeaderValue::from_static("1"));
            }
            of_body("body-limit", &Answer { status, headers, body: Bytes::new() }, 1 << 20).verdict
        };
        assert_eq!(verdict(401, true), Verdict::Ok);
        assert_eq!(verdict(413, true), Verdict::Warn);
        assert_eq!(verdict(413, false), Verdict::Fail);
        assert_eq!(verdict(405, false), Verdict::Fail);
    }
}
