//! Bodies of token requests: `application/x-www-form-urlencoded` (RFC 6749).

use std::collections::BTreeMap;

use zeroize::{Zeroize as _, Zeroizing};

/// Parameters of a request; empty ones count as absent. Zeroized on drop, since one of them is a password.
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// Parses a body; `None` if a parameter occurs twice.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let mut form = Self(BTreeMap::new());
        for (name, value) in url::form_urlencoded::parse(body).into_owned() {
            if form.0.insert(name, value).is_some() {
                return None;
            }
        }
        Some(form)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Takes a secret out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Zeroizing<String>> {
        self.0.remove(name).map(Zeroizing::new).filter(|value| !value.is_empty())
    }
}

impl Drop for Form {
    fn drop(&mut self) {
        self.0.values_mut().for_each(String::zeroize);
    }
}

#[test]
fn form_is_decoded_and_has_each_parameter_once() {
    let mut form = Form::parse(b"a=1&b=%C3%A4+x&c=&password=p%26q").unwrap();
    assert_eq!(
        (form.get("a"), form.get("b"), form.get("c"), form.get("d")),
        (Some("1"), Some("ä x"), None, None)
    );
    assert_eq!(form.take("password").as_deref().map(String::as_str), Some("p&q"));
    assert_eq!(form.get("password"), None);
    assert!(Form::parse(b"a=1&a=2").is_none());
}
