//! Check of CORS: the preflight of an upload from a web page, and the headers of responses (http §1.1).

use anyhow::Context as _;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::{HeaderMap, HeaderValue, Method};
use less_sync_doctor::Finding;

use super::site::{Site, text};

const CHECK: &str = "cors";

/// Origin of the preflight if the user gives none: any page, as `CORS_ALLOWED_ORIGINS=*` has it.
const ANY_PAGE: &str = "https://a-page.invalid";

/// Headers of an upload.
const UPLOAD: &str = "authorization,content-type,x-record-id,x-ucan,x-wrapped-dek";

/// Headers of responses that clients read.
const READ: [&str; 2] = ["etag", "x-wrapped-dek"];

/// Sends the preflight and a request as a page of `origin`.
pub(super) async fn examine(site: &Site, path: &str, origin: Option<&str>) -> Vec<Finding> {
    let checked = check(site, path, origin).await;
    vec![checked.unwrap_or_else(|error| {
        Finding::fail(CHECK, format!("{error:#}"), "pass OPTIONS requests to the server")
    })]
}

async fn check(site: &Site, path: &str, given: Option<&str>) -> anyhow::Result<Finding> {
    let origin = given.unwrap_or(ANY_PAGE);
    let value = HeaderValue::from_str(origin).context("not an origin")?;
    let mut preflight = site.request(Method::OPTIONS, path);
    let headers = preflight.headers_mut();
    headers.insert(ORIGIN, value.clone());
    headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("PUT"));
    headers.insert(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static(UPLOAD));
    let preflight = site.send(preflight).await.context("no response to the preflight")?;
    if !(200..300).contains(&preflight.status) {
        let seen = format!("preflight has {}", preflight.summary());
        return Ok(Finding::fail(CHECK, seen, "pass OPTIONS requests to the server"));
    }
    let mut request = site.request(Method::GET, "/readyz");
    request.headers_mut().insert(ORIGIN, value);
    let response = site.send(request).await.context("no response to a request of a page")?;
    let problem = problem_of_preflight(&preflight.headers, origin)
        .or_else(|| problem_of_response(&response.headers, origin));
    Ok(match problem {
        None => Finding::ok(CHECK, format!("pages of {} may sync", given.unwrap_or("any origin"))),
        Some(Problem::NotAllowed) if given.is_none() => {
            let seen = "not every origin is allowed (CORS_ALLOWED_ORIGINS)";
            Finding::skip(CHECK, seen, "give --origin with that of your app")
        }
        Some(problem) => Finding::fail(CHECK, problem.seen(origin), problem.advice()),
    })
}

/// Reason why a browser rejects a response.
#[derive(Debug, PartialEq, Eq)]
enum Problem {
    NotAllowed,
    Repeated,
    Method,
    Header(&'static str),
    Hidden(&'static str),
}

impl Problem {
    fn seen(&self, origin: &str) -> String {
        match self {
            Self::NotAllowed => format!("pages of {origin} are not allowed"),
            Self::Repeated => "Access-Control-Allow-Origin is sent more than once".to_owned(),
            Self::Method => "uploads (PUT) and deletions (DELETE) of pages are not allowed".to_owned(),
            Self::Header(name) => format!("the header {name} of uploads is not allowed"),
            Self::Hidden(name) => format!("pages cannot read the header {name}"),
        }
    }

    fn advice(&self) -> &'static str {
        match self {
            Self::NotAllowed => "add the origin to CORS_ALLOWED_ORIGINS",
            Self::Repeated | Self::Method | Self::Header(_) | Self::Hidden(_) => {
                "remove the CORS headers of the proxy: the server sends all of them"
            }
        }
    }
}

fn problem_of_preflight(headers: &HeaderMap, origin: &str) -> Option<Problem> {
    let methods = list(headers, "access-control-allow-methods");
    let allowed = list(headers, "access-control-allow-headers");
    problem_of_origin(headers, origin)
        .or_else(|| {
            let lacks = |method: &&str| !methods.iter().any(|listed| listed.eq_ignore_ascii_case(method));
            ["PUT", "DELETE"].into_iter().find(lacks).map(|_| Problem::Method)
        })
        .or_else(|| {
            UPLOAD.split(',').find(|name| !allowed.contains(&(*name).to_owned())).map(Problem::Header)
        })
}

fn problem_of_response(headers: &HeaderMap, origin: &str) -> Option<Problem> {
    let exposed = list(headers, "access-control-expose-headers");
    problem_of_origin(headers, origin)
        .or_else(|| READ.into_iter().find(|name| !exposed.contains(&(*name).to_owned())).map(Problem::Hidden))
}

fn problem_of_origin(headers: &HeaderMap, origin: &str) -> Option<Problem> {
    if headers.get_all(ACCESS_CONTROL_ALLOW_ORIGIN).iter().count() > 1 {
        return Some(Problem::Repeated);
    }
    let allowed = text(headers, "access-control-allow-origin");
    (allowed != "*" && allowed != origin).then_some(Problem::NotAllowed)
}

/// Members of all lists of a header, in lower case.
fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|member| member.trim().to_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "https://app.example";

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn preflights_that_browsers_reject_are_problems() {
        let origin = ("access-control-allow-origin", "*");
        let methods = ("access-control-allow-methods", "GET, PUT, DELETE");
        let allowed = (
            "access-control-allow-headers",
            "Authorization, Content-Type, X-UCAN, X-Wrapped-DEK, X-Record-ID",
        );
        let problem = |lines: &[_]| problem_of_preflight(&headers(lines), ORIGIN);
        assert_eq!(problem(&[origin, methods, allowed]), None);
        assert_eq!(problem(&[("access-control-allow-origin", ORIGIN), methods, allowed]), None);
        assert_eq!(problem(&[methods, allowed]), Some(Problem::NotAllowed));
        let other = ("access-control-allow-origin", "https://other.example");
        assert_eq!(problem(&[other, methods, allowed]), Some(Problem::NotAllowed));
        assert_eq!(problem(&[origin, origin, methods, allowed]), Some(Problem::Repeated));
        assert_eq!(
            problem(&[origin, ("access-control-allow-methods", "GET"), allowed]),
            Some(Problem::Method)
        );
        let few = ("access-control-allow-headers", "Authorization, Content-Type");
        assert_eq!(problem(&[origin, methods, few]), Some(Problem::Header("x-record-id")));
    }

    #[test]
    fn response_whose_headers_pages_cannot_read_is_a_problem() {
        let origin = ("access-control-allow-origin", "*");
        let exposed = ("access-control-expose-headers", "X-Wrapped-DEK, ETag");
        assert_eq!(problem_of_response(&headers(&[origin, exposed]), ORIGIN), None);
        assert_eq!(problem_of_response(&headers(&[origin]), ORIGIN), Some(Problem::Hidden("etag")));
    }
}
