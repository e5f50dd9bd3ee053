//! Files of a user, uploaded as clients do it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{TestServer, create, record_id, within};

impl TestServer {
    /// Uploads `bytes` as the file `id` of `user`, whose test record 1 will own it.
    ///
    /// # Panics
    /// If it is not created.
    pub async fn upload(&self, user: &str, id: &str, bytes: &[u8]) {
        let space = self.space(user);
        let mut client = self.raw(user).await;
        // A conflict: the record is there already.
        client.push(&space, &[create(1, "owner")]).await;
        let mut dek = [7; 44];
        dek[..4].copy_from_slice(&[0, 0, 0, 1]);
        let url = format!("http://{}/api/v1/spaces/{space}/files/{id}", self.address());
        let request = reqwest::Client::builder().no_proxy().build().expect("a client").put(url);
        let request = request
            .bearer_auth(self.token(user))
            .header("X-Record-ID", record_id(1))
            .header("X-Wrapped-DEK", STANDARD.encode(dek))
            .header("Content-Length", bytes.len())
            .body(bytes.to_vec());
        let response = within("a response", request.send()).await.expect("a response");
        assert_eq!(response.status().as_u16(), 201);
    }
}
