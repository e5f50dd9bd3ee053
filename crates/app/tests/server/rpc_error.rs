//! Expected errors of RPC responses.

use serde_json::{Value, json};

/// The error object with this code and this message.
pub(crate) fn error(code: &str, message: &str) -> Value {
    json!({ "code": code, "message": message })
}
