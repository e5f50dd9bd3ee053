//! `subscribe` requests to a home, and the effects of their results (federation §9.2, §12.7).

use std::time::Duration;

use less_sync_core::wire::federation::feature;
use less_sync_core::wire::method;
use less_sync_core::{Cursor, ErrorCode, SpaceId};
use less_sync_engine::{HomeError, HomePosition};

use super::Interests;
use super::ask::{Answer, Ask, Outcome, batch, outcomes, params};
use super::interest::{Accepted, Interest};
use crate::outbound::call::{OutboundCall, Repeat};

/// Timeout of a request (federation PM-7).
const TIMEOUT: Duration = Duration::from_secs(15);

impl Interests {
    /// Requests subscriptions, and applies those that are accepted. Returns one answer for each, in the same order.
    pub(super) async fn subscribe(&self, asks: Vec<Ask>) -> Vec<Answer> {
        let mut answers = self.request(&asks).await;
        // The history of the home is shorter than what was delivered, or than the cursor of a client (federation §12.7).
        let is_ahead = |answer: &Answer| matches!(answer, Answer::Rejected { code, .. } if *code == ErrorCode::CursorAhead.as_str());
        let (ahead, again): (Vec<usize>, Vec<Ask>) = asks
            .into_iter()
            .enumerate()
            .zip(&answers)
            .filter(|(_, answer)| is_ahead(answer))
            .map(|((index, ask), _)| (index, Ask { since: Cursor::ZERO, ..ask }))
            .unzip();
        if !again.is_empty() {
            let repeated = self.request(&again).await;
            for (index, answer) in ahead.into_iter().zip(repeated) {
                if let Some(first) = answers.get_mut(index) {
                    *first = answer;
                }
            }
        }
        answers
    }

    async fn request(&self, asks: &[Ask]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(asks.len());
        let mut rest = asks;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(batch(rest));
            answers.extend(self.request_batch(now).await);
            rest = later;
        }
        answers
    }

    async fn request_batch(&self, asks: &[Ask]) -> Vec<Answer> {
        self.each(asks, |interest, ask| interest.begin_catch_up(ask.since));
        let call = OutboundCall {
            method: method::SUBSCRIBE,
            params: params(asks, self.outbound.has_presence()),
            timeout: TIMEOUT,
            repeat: Repeat::Always,
            feature: None,
        };
        let answered = self.outbound.call_on(&self.peer, call).await;
        self.each(asks, |interest, _| interest.end_catch_up());
        let (result, link) = match answered {
            Ok(answered) => answered,
            Err(error) => return asks.iter().map(|_| self.failed(&error)).collect(),
        };
        let Some(mut outcomes) = outcomes(&result, link, self.outbound.clock().now()) else {
            return asks.iter().map(|_| self.failed(&HomeError::Unavailable)).collect();
        };
        let answer = |ask: &Ask| match outcomes.remove(&ask.space) {
            Some(Outcome::Accepted(accepted)) => {
                self.accept(ask, &accepted);
                Answer::Accepted(accepted.position)
            }
            Some(Outcome::Rejected(code)) => Answer::Rejected { message: code.replace('_', " "), code },
            None => self.failed(&HomeError::Unavailable),
        };
        asks.iter().map(answer).collect()
    }

    fn each(&self, asks: &[Ask], apply: impl Fn(&mut Interest, &Ask)) {
        let mut table = self.table.lock();
        for ask in asks {
            if let Some(interest) = table.get_mut(&ask.space) {
                apply(interest, ask);
            }
        }
    }

    /// Answer for an attempt without a result, or that the home rejected as a whole.
    fn failed(&self, error: &HomeError) -> Answer {
        if let HomeError::Rejected { code, message } = error {
            return Answer::Rejected { code: code.clone(), message: message.clone() };
        }
        tracing::debug!(peer = %self.peer, error = %error, "subscription at a home failed");
        Answer::Failed(error.clone())
    }

    /// Applies an accepted subscription: its token, and a pull hint for what its clients miss.
    fn accept(&self, ask: &Ask, accepted: &Accepted) {
        let (space, position) = (ask.space, accepted.position);
        let is_behind = ask.floor.is_some_and(|floor| position.cursor < floor);
        let mut table = self.table.lock();
        let Some(interest) = table.get_mut(&space) else { return };
        let is_new = !interest.is_subscribed_over(accepted.link);
        let owes_hint = interest.accepted(accepted);
        let is_first = is_behind && interest.log_rollback();
        drop(table);
        if is_behind {
            if is_first {
                // Event name of federation §18.4.
                tracing::error!(peer = %self.peer, space_id = %space, "federation.rollback_detected");
            }
            self.events.rewound(space, position);
        } else if owes_hint {
            self.hint(space, position);
        } else if ask.floor.is_some() && self.delivered(space) < position.cursor {
            // More than the home has sent before its answer.
            self.read_missing(space, position);
        }
        if self.outbound.has_feature(&self.peer, feature::PRESENCE) {
            self.events.present(space, accepted.peers.clone());
            if is_new {
                self.relay.announce(space);
            }
        }
    }

    /// Sends the local subscribers a pull hint.
    pub(super) fn hint(&self, space: SpaceId, position: HomePosition) {
        // Event name of federation §18.4.
        tracing::info!(peer = %self.peer, space_id = %space, "federation.pull_hint");
        self.outbound.event_metrics().hinted(&self.peer);
        self.events.hint(space, position);
    }
}
