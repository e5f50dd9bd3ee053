//! Every response matches the OpenAPI description (H8, H9).

use http::Method;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::files::fixture::{Fixture, body, content, dek, digest, fresh_id, record, send};

const ROUTE: &str = "/api/v1/spaces/{space_id}/files/{id}";

/// Headers of every response (http §1.1).
const COMMON: [&str; 7] = [
    "x-protocol-version",
    "x-request-id",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-expose-headers",
    "x-content-type-options",
];

/// Values from which requests are generated.
struct RequestCase {
    tokens: Vec<String>,
    spaces: Vec<String>,
    ids: Vec<String>,
    headers: Vec<(&'static str, String)>,
}

impl RequestCase {
    async fn of(fixture: &Fixture) -> Self {
        let claims = fixture.server.issuer().claims("alice");
        let narrow = fixture.server.issuer().mint(&claims.scope("sync"));
        let stored = fixture.stored(&content(5000, 1)).await;
        let headers = [
            ("X-Record-ID", vec![record(), fresh_id(), "x".to_owned(), String::new()]),
            ("X-Wrapped-DEK", vec![dek(7), "AAAA".to_owned(), "?".to_owned()]),
            ("Range", ["bytes=0-9", "bytes=-1", "bytes=9999-", "bytes=4-2", "x"].map(str::to_owned).into()),
            ("If-None-Match", vec!["*".to_owned(), format!("\"{stored}\""), "x".to_owned()]),
            ("If-Match", vec!["*".to_owned(), "\"x\"".to_owned()]),
            ("If-Range", vec![format!("\"{stored}\""), "\"x\"".to_owned()]),
            ("Repr-Digest", vec![digest(b"body"), "sha-256=:AA:".to_owned(), "md5=:AA==:".to_owned()]),
            ("Content-Encoding", vec!["identity".to_owned(), "br".to_owned()]),
            ("X-UCAN", vec!["garbage".to_owned(), "x".repeat(70_000), String::new()]),
            ("Expect", vec!["100-continue".to_owned()]),
        ];
        let headers =
            headers.into_iter().flat_map(|(name, values)| values.into_iter().map(move |value| (name, value)));
        Self {
            tokens: vec![fixture.server.token("alice"), fixture.server.token("bob"), narrow, "x".to_owned()],
            spaces: vec![fixture.space.clone(), fixture.space.to_uppercase(), fresh_id(), "x".to_owned()],
            ids: vec![stored, fresh_id(), "x".to_owned(), "%00".to_owned(), "a b".to_owned()],
            headers: headers.collect(),
        }
    }

    /// Mostly valid values: otherwise no request passes the first check.
    fn choose<'v, T>(values: &'v [T], random: &mut StdRng) -> &'v T {
        if random.random_bool(0.7) { &values[0] } else { values.choose(random).unwrap() }
    }

    fn request(&self, fixture: &Fixture, random: &mut StdRng) -> (Method, RequestBuilder) {
        let methods = [Method::PUT, Method::GET, Method::HEAD, Method::DELETE];
        let method = methods.choose(random).unwrap().clone();
        let (space, id) = (Self::choose(&self.spaces, random), Self::choose(&self.ids, random));
        // The stored file is reused; every other id is new.
        let is_new = method == Method::DELETE || (method == Method::PUT && random.random_bool(0.5));
        let id = if is_new && *id == self.ids[0] { fresh_id() } else { id.clone() };
        let request = fixture.bare(method.clone(), space, &id);
        let mut request = request.bearer_auth(Self::choose(&self.tokens, random));
        if method == Method::PUT {
            let body: &'static [u8] = if random.random_bool(0.8) { b"body" } else { b"another" };
            request = request.body(body);
            if random.random_bool(0.8) {
                request =
                    request.header("X-Record-ID", record()).header("X-Wrapped-DEK", dek(random.random()));
            }
        }
        for _ in 0..random.random_range(0..4) {
            let (name, value) = self.headers.choose(random).unwrap();
            request = request.header(*name, value);
        }
        (method, request)
    }
}

/// Fails unless the description of `method` contains `response`.
async fn check(document: &Value, method: &Method, response: Response, seed: u64) {
    let status = response.status().as_u16();
    let known = &document["paths"][ROUTE][method.as_str().to_lowercase()]["responses"];
    let described = &known[status.to_string()];
    assert!(described.is_object(), "{method} is not described for status {status}; seed {seed}");
    assert!(status < 500, "{method} answered {status}; seed {seed}");
    for name in COMMON {
        assert!(response.headers().contains_key(name), "{method} {status} without {name}; seed {seed}");
    }
    for name in described["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
        assert!(response.headers().contains_key(name), "{method} {status} without {name}; seed {seed}");
    }
    let body = body(response).await;
    if status >= 400 && method != Method::HEAD {
        let error: Value =
            serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{status}: {body:?}; seed {seed}"));
        let members = error.as_object().unwrap();
        assert!(members.len() == 1 && members["error"].is_string(), "{error}; seed {seed}");
    }
}

#[tokio::test]
async fn responses_match_the_description() {
    let fixture = Fixture::new().await;
    let case = RequestCase::of(&fixture).await;
    let document = serde_json::from_slice(&fixture.server.get("/openapi.json").await.body).unwrap();
    let mut answered = std::collections::BTreeSet::new();
    for _ in 0..600 {
        let seed = rand::random();
        let (method, request) = case.request(&fixture, &mut StdRng::seed_from_u64(seed));
        let response = send(request).await;
        answered.insert((method.to_string(), response.status().as_u16()));
        check(&document, &method, response, seed).await;
    }
    // Guards against requests that all fail at the first check.
    for (method, status) in [("PUT", 201), ("PUT", 204), ("GET", 200), ("HEAD", 200), ("DELETE", 204)] {
        assert!(answered.contains(&(method.to_owned(), status)), "no {status} for {method}: {answered:?}");
    }
}
