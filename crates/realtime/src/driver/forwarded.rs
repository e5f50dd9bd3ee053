//! Calls of another server: their rate, and repeats of mutations (federation §16.2, PM-9).

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use less_sync_core::wire::method::Kind;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Driver;
use crate::call::Call;
use crate::connection::Connection;
use crate::context::Context;
use crate::methods::{self, Completed, Enqueued, Progress};
use crate::repeats::Begun;

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Counts a call of a server, and looks for the outcome of an earlier execution. `None`: the call is not to be executed.
    pub(super) fn admit_forwarded(
        &mut self,
        connection: &Arc<Connection>,
        call: &Call,
        context: Context,
    ) -> Option<Context> {
        let Some(link) = connection.server() else { return Some(context) };
        let is_notification = call.method.is_some_and(|method| method.row().kind == Kind::Notification);
        match link.charge_call(is_notification) {
            Ok(Duration::ZERO) => {}
            Ok(wait) => self.pause = Some(self.endpoint.clock.sleep_until(self.now() + wait)),
            // Dropped like every other notification that cannot be served.
            Err(_) if is_notification => {
                self.session.on_finished(self.now(), call.place(), call.message().len());
                return None;
            }
            Err(error) => {
                self.respond_only(connection, call, methods::reject(context, error).boxed());
                return None;
            }
        }
        match call.repeat_key().map(|key| link.begin(key, self.now())) {
            None => Some(context),
            Some(Begun::First(run)) => Some(context.of_first(run)),
            Some(Begun::Repeat(repeat)) => {
                self.respond_only(connection, call, methods::respond_again(context, repeat).boxed());
                None
            }
        }
    }

    /// Runs the response to a call in its place among the others.
    fn respond_only(
        &mut self,
        connection: &Arc<Connection>,
        call: &Call,
        response: BoxFuture<'static, Completed>,
    ) {
        let (connection, call) = (connection.clone(), call.clone());
        if call.method.is_some_and(|method| method.row().is_pipelined) {
            self.work.run_pipelined(connection, call, std::future::ready(Enqueued::InLane(response)).boxed());
        } else {
            self.work.run(connection, call, response.map(Progress::Completed).boxed());
        }
    }
}
