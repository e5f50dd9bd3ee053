//! Signed statements: compact JWS (ES256) with a `typ` per purpose, so that a statement is not valid for another purpose or
//! as a UCAN.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use less_sync_auth::did_key;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Identity;

/// Signed statement and its author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signed<T> {
    /// `did:key` of the author.
    pub(crate) by: String,
    #[serde(flatten)]
    pub(crate) body: T,
}

/// Signs a statement.
pub(crate) fn sign<T: Serialize>(author: &Identity, purpose: &str, body: T) -> String {
    let statement = Signed { by: author.did().as_str().to_owned(), body };
    // Cannot fail: bodies consist of strings, numbers and lists.
    let payload = Zeroizing::new(serde_json::to_string(&statement).unwrap_or_default());
    author.signing().sign_text(&header(purpose), &payload)
}

/// Verifies that the named author signed the statement for this purpose.
pub(crate) fn verify<T: DeserializeOwned>(purpose: &str, text: &str) -> Option<Signed<T>> {
    let (signed, signature) = text.rsplit_once('.')?;
    let (header_segment, payload) = signed.split_once('.')?;
    if header_segment != BASE64.encode(header(purpose)) {
        return None;
    }
    let statement: Signed<T> = serde_json::from_slice(&BASE64.decode(payload).ok()?).ok()?;
    let author = did_key::decode(&statement.by).ok()?;
    author.verifies(signed.as_bytes(), &BASE64.decode(signature).ok()?).then_some(statement)
}

fn header(purpose: &str) -> String {
    format!(r#"{{"alg":"ES256","typ":"{purpose}"}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSE: &str = "test";

    #[test]
    fn statement_names_its_author() {
        let author = Identity::random();
        let text = sign(
            &author,
            PURPOSE,
            [("a".to_owned(), 1)].into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        );
        let statement: Signed<std::collections::BTreeMap<String, i32>> = verify(PURPOSE, &text).unwrap();
        assert_eq!((statement.by.as_str(), statement.body["a"]), (author.did().as_str(), 1));
    }

    #[test]
    fn other_purposes_authors_and_bodies_are_rejected() {
        let [author, other] = std::array::from_fn(|_| Identity::random());
        let body = || serde_json::json!({ "a": 1 });
        let text = sign(&author, PURPOSE, body());
        let accepts = |text: &str| verify::<serde_json::Value>(PURPOSE, text).is_some();
        assert!(accepts(&text));
        assert_eq!(verify::<serde_json::Value>("other", &text), None);
        let forged = Signed { by: author.did().as_str().to_owned(), body: body() };
        let forged = serde_json::to_string(&forged).unwrap();
        assert!(!accepts(&other.signing().sign_text(&header(PURPOSE), &forged)));
        assert!(!accepts(&sign(&author, "JWT", body())));
        let other_words = sign(&author, PURPOSE, serde_json::json!({ "a": 2 }));
        let (signed, _) = other_words.rsplit_once('.').unwrap();
        let (_, signature) = text.rsplit_once('.').unwrap();
        assert!(!accepts(&format!("{signed}.{signature}")));
        for nonsense in ["", ".", "..", "a.b.c", &text[1..], &text[..text.len() - 1]] {
            assert!(!accepts(nonsense), "{nonsense}");
        }
    }
}
