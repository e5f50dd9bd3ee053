//! `fed.hello` (federation §8.3).

use less_sync_core::ErrorCode;
use less_sync_core::cbor::Encode;
use less_sync_core::wire::federation::FedHello;

use super::completed::Effect;
use super::stream::{Response, Stream};
use crate::rpc_error::RpcError;
use crate::server_link::{HelloRejection, Welcome};

/// Version of the handshake.
const VERSION: i64 = 1;

/// `fed.hello`. A native peer has a shorter idle timeout from now on.
pub(super) async fn hello(
    stream: Stream<'_>,
    params: FedHello<'_>,
) -> Result<Response<Capabilities>, RpcError> {
    let context = stream.context;
    let link =
        context.server().ok_or_else(|| RpcError::new(ErrorCode::MethodNotFound, "method of servers"))?;
    let welcome = link
        .hello(&params)
        .map_err(|HelloRejection { message, close }| RpcError { close, ..RpcError::bad_request(message) })?;
    let bounds = link.limits();
    let result = Capabilities {
        welcome,
        max_frame: i64::try_from(bounds.max_message).unwrap_or(i64::MAX),
        max_inflight: i64::try_from(bounds.max_running).unwrap_or(i64::MAX),
        time: context.clock().now().seconds(),
        link: context.connection_id().to_string(),
    };
    Ok(Response { effect: Effect::IdleTimeout(link.idle_timeout()), ..result.into() })
}

/// Result of `fed.hello` as [`FedHello`].
pub(super) struct Capabilities {
    welcome: Welcome,
    max_frame: i64,
    max_inflight: i64,
    time: i64,
    link: String,
}

impl Encode for Capabilities {
    fn encode(&self, out: &mut Vec<u8>) {
        let Self { welcome, max_frame, max_inflight, time, link } = self;
        FedHello {
            v: VERSION,
            server: &welcome.server,
            features: welcome.features.clone(),
            max_frame: *max_frame,
            max_inflight: *max_inflight,
            time: *time,
            link: Some(link),
        }
        .encode(out);
    }
}
