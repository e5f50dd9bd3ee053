//! Published keys of this server, which may change while it runs (http §5.1).

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;

/// Key set of this server for other servers, as JSON; empty at first, and without federation. Clones share it.
#[derive(Clone, Debug)]
pub struct KeySetDocument(Arc<RwLock<Bytes>>);

impl KeySetDocument {
    /// Publishes another key set from now on.
    pub fn replace(&self, json: Vec<u8>) {
        *self.0.write() = json.into();
    }

    pub(crate) fn json(&self) -> Bytes {
        self.0.read().clone()
    }
}

impl Default for KeySetDocument {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(Bytes::from_static(br#"{"keys":[]}"#))))
    }
}
