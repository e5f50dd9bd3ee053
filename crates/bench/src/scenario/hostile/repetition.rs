//! Connections of one user that repeat one request.

use super::pipeline::{Outcomes, Pipeline};
use crate::connection::{LoadConnection, append};
use crate::period::Period;
use crate::server::{ServerUnderTest, User};

/// Request, and the connections that repeat it.
#[derive(Debug)]
pub(super) struct Repetition {
    pipelines: Vec<Pipeline>,
    /// Request as a frame.
    request: Vec<u8>,
}

/// Number of connections, and of requests in flight on each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Width {
    pub(super) connections: usize,
    pub(super) window: u64,
}

impl Repetition {
    /// Opens the connections of `user`. `is_success` tells the response message of a success from that of a rejection.
    pub(super) async fn open(
        server: &ServerUnderTest,
        user: &User,
        width: Width,
        request: &[u8],
        is_success: fn(&[u8]) -> bool,
    ) -> anyhow::Result<Self> {
        let mut pipelines = Vec::with_capacity(width.connections);
        for _ in 0..width.connections {
            let connection = LoadConnection::open(server.address(), &user.token).await?;
            pipelines.push(Pipeline {
                connection,
                window: width.window,
                outcomes: Outcomes::new(is_success),
            });
        }
        let mut framed = Vec::new();
        append(&mut framed, request);
        Ok(Self { pipelines, request: framed })
    }

    /// Sends the request on each connection so many times, or until the end of the period.
    pub(super) async fn run(self, times: usize, period: Period) -> anyhow::Result<Vec<Outcomes>> {
        let Self { pipelines, request } = self;
        let request = &request;
        let attacks =
            pipelines.into_iter().map(|pipeline| pipeline.run(std::iter::repeat_n(request, times), period));
        futures_util::future::try_join_all(attacks).await
    }
}
