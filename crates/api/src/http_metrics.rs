//! Metrics of HTTP requests (operations §7.2).

use std::time::Duration;

use http::{Method, StatusCode};
use less_sync_metrics::{Gauge, Histogram, RareCounter, Registry};

/// Routes and their values of the label `route`, which have no braces: parsers of metrics are not equal to them in texts. The
/// last one is for requests without one of these routes.
const ROUTES: [(&str, &str); 11] = [
    ("/api/v1/spaces/{space_id}/files/{id}", "/api/v1/spaces/:space_id/files/:id"),
    ("/api/v1/federation/spaces/{space_id}/files/{id}", "/api/v1/federation/spaces/:space_id/files/:id"),
    ("/api/v1/ws", "/api/v1/ws"),
    ("/api/{*path}", "/api/*"),
    ("/health", "/health"),
    ("/livez", "/livez"),
    ("/readyz", "/readyz"),
    ("/openapi.json", "/openapi.json"),
    ("/.well-known/jwks.json", "/.well-known/jwks.json"),
    ("/.well-known/less-platform", "/.well-known/less-platform"),
    ("", "other"),
];

/// Values of the label `method`; the names of other methods are text of the client.
const METHODS: [&str; 7] = ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "other"];

/// Status codes with a series of their own (http §10); others count as `other`.
const STATUSES: [u16; 24] = [
    101, 200, 201, 204, 206, 304, 400, 401, 403, 404, 405, 408, 409, 411, 412, 413, 416, 422, 426, 429, 431,
    500, 503, 507,
];

/// Metrics of all requests of a server.
#[derive(Debug)]
pub(crate) struct HttpMetrics {
    in_flight: Gauge,
    /// By route, then by method.
    series: Vec<Series>,
}

/// Requests of one route and method.
#[derive(Debug)]
struct Series {
    duration: Histogram,
    /// In the order of [`STATUSES`], then others.
    statuses: [RareCounter; STATUSES.len() + 1],
}

/// Guard of a request without a response; counts it as in flight until it is dropped.
pub(crate) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for HttpMetrics {
    fn default() -> Self {
        let series = || Series {
            duration: Histogram::of_durations(),
            statuses: std::array::from_fn(|_| RareCounter::default()),
        };
        let series = (0..ROUTES.len() * METHODS.len()).map(|_| series()).collect();
        Self { in_flight: Gauge::default(), series }
    }
}

impl HttpMetrics {
    pub(crate) fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Counts a response. `route`: template of the matched route.
    pub(crate) fn completed(
        &self,
        route: Option<&str>,
        method: &Method,
        status: StatusCode,
        duration: Duration,
    ) {
        let route =
            ROUTES.iter().position(|(template, _)| Some(*template) == route).unwrap_or(ROUTES.len() - 1);
        let method = METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1);
        let place = route * METHODS.len() + method;
        let Some(Series { duration: durations, statuses }) = self.series.get(place) else { return };
        durations.observe(duration);
        let status = STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(STATUSES.len());
        if let Some(counter) = statuses.get(status) {
            counter.inc();
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let labels = || ROUTES.into_iter().flat_map(|(_, route)| METHODS.map(|method| (route, method)));
        let status_names: Vec<String> =
            STATUSES.iter().map(u16::to_string).chain(["other".to_owned()]).collect();
        let requests = labels().zip(&self.series).flat_map(|((route, method), series)| {
            let statuses = status_names.iter().zip(&series.statuses);
            let values = move |status: &String| [route.to_owned(), method.to_owned(), status.clone()];
            statuses.map(move |(status, counter)| (values(status), counter.clone()))
        });
        let help = "responses to HTTP requests, upgrades included";
        registry.family("http_requests_total", help, ["route", "method", "status"], requests);
        let durations = labels().zip(&self.series);
        let durations = durations.map(|((route, method), series)| ([route, method], series.duration.clone()));
        let help = "durations from the headers of a request to those of its response";
        registry.family("http_request_duration_seconds", help, ["route", "method"], durations);
        registry.register("http_in_flight", "HTTP requests without a response", self.in_flight.clone());
    }
}
