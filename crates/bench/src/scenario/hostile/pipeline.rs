//! Connection of an attacker that pipelines requests, and the counts of its responses.

use anyhow::Context as _;

use crate::connection::LoadConnection;
use crate::frames::FrameHandler;
use crate::period::Period;

/// Requests sent and completed on one connection.
#[derive(Debug)]
pub(super) struct Outcomes {
    pub(super) sent: u64,
    /// Responses that `is_success` accepts.
    pub(super) succeeded: u64,
    pub(super) rejected: u64,
    /// Code of the close frame of the server.
    pub(super) closed: Option<u16>,
    is_success: fn(&[u8]) -> bool,
}

impl Outcomes {
    /// No requests; `is_success` tells the response message of a success from that of a rejection.
    pub(super) fn new(is_success: fn(&[u8]) -> bool) -> Self {
        Self { sent: 0, succeeded: 0, rejected: 0, closed: None, is_success }
    }

    fn in_flight(&self) -> u64 {
        self.sent.saturating_sub(self.succeeded + self.rejected)
    }
}

impl FrameHandler for Outcomes {
    fn response(&mut self, payload: &[u8]) {
        if (self.is_success)(payload) {
            self.succeeded += 1;
        } else {
            self.rejected += 1;
        }
    }

    fn close(&mut self, code: u16) {
        self.closed = Some(code);
    }
}

/// Connection with a bounded number of requests in flight.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) connection: LoadConnection,
    /// Maximum requests without a response.
    pub(super) window: u64,
    pub(super) outcomes: Outcomes,
}

impl Pipeline {
    /// Sends `requests`, which are framed, and reads until the last response, the end of the connection or of the period. A
    /// server that has stopped reading blocks this until the end of the period.
    pub(super) async fn run(
        mut self,
        requests: impl IntoIterator<Item = impl AsRef<[u8]>>,
        period: Period,
    ) -> anyhow::Result<Outcomes> {
        for request in requests {
            while self.outcomes.in_flight() >= self.window && self.read(period).await? {}
            if self.is_over(period) || !self.send(request.as_ref(), period).await? {
                break;
            }
            self.outcomes.sent += 1;
        }
        while self.outcomes.in_flight() > 0 && self.read(period).await? {}
        Ok(self.outcomes)
    }

    fn is_over(&self, period: Period) -> bool {
        period.is_over() || self.outcomes.closed.is_some()
    }

    /// Sends one request; false at the end of the period, and if the server has closed the connection.
    async fn send(&mut self, request: &[u8], period: Period) -> anyhow::Result<bool> {
        tokio::select! {
            sent = self.connection.send_framed(request) => {
                if sent.is_err() {
                    // The close frame has the reason.
                    while self.read(period).await? {}
                }
                Ok(sent.is_ok())
            }
            () = period.end() => Ok(false),
        }
    }

    /// Reads once; false at the end of the period, and once the server has closed the connection.
    async fn read(&mut self, period: Period) -> anyhow::Result<bool> {
        if self.is_over(period) {
            return Ok(false);
        }
        tokio::select! {
            read = self.connection.read(&mut self.outcomes) => read.context("attacker connection closed")?,
            () = period.end() => return Ok(false),
        }
        Ok(!self.is_over(period))
    }
}
