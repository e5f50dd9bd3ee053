//! Envelopes (protocol §2.2): whole messages, read and written.
//!
//! A message is scanned completely before anything in it is believed, so one cut short inside `params` is a
//! malformed frame, not bad params (protocol §2.4).

mod body;
mod envelope;
mod inbound;
mod outbound;
mod server;

pub use body::{Params, Raw};
pub use inbound::{BadAuthFrame, Inbound, Unreadable, parse, parse_auth};
pub use outbound::{
    KEEPALIVE, error, error_text, error_with_retry, notification, record_around_blob, request, response,
    write_chunk,
};
pub use server::{RpcError, ServerFrame, parse_server};

const REQUEST: i32 = 0;
const RESPONSE: i32 = 1;
const NOTIFICATION: i32 = 2;
const CHUNK: i32 = 3;
