//! Namespaces of derived personal space ids.

use std::str::FromStr;

use uuid::{Uuid, uuid};

const LESS: Uuid = uuid!("d645a70c-a29d-5167-9f86-6205c732f3ba");
const BETTERBASE: Uuid = uuid!("c8362c28-0504-5522-9ba6-6e7ed1d76153");

/// Namespaces in order of preference; at least one (`PERSONAL_SPACE_NAMESPACES`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalSpaceNamespaces {
    first: Uuid,
    others: Vec<Uuid>,
}

/// Entry that is neither a DNS name nor `uuid:` and a UUID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid PERSONAL_SPACE_NAMESPACES entry {entry:?}: expected a DNS name or uuid:<uuid>")]
pub struct InvalidNamespaces {
    entry: String,
}

impl PersonalSpaceNamespaces {
    /// Namespace for callers whose token names no personal space.
    #[must_use]
    pub const fn first(&self) -> Uuid {
        self.first
    }

    /// All namespaces, in order.
    pub fn iter(&self) -> impl Iterator<Item = Uuid> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }
}

impl Default for PersonalSpaceNamespaces {
    /// Default `less.so,betterbase.dev`: clients and accounts services of both generations work unchanged.
    fn default() -> Self {
        Self { first: LESS, others: vec![BETTERBASE] }
    }
}

impl FromStr for PersonalSpaceNamespaces {
    type Err = InvalidNamespaces;

    /// Parses a comma-separated list; blanks around entries and the case of DNS names are ignored.
    fn from_str(text: &str) -> Result<Self, InvalidNamespaces> {
        let mut namespaces = text.split(',').map(|entry| parse_entry(entry.trim()));
        let first = namespaces.next().ok_or_else(|| InvalidNamespaces { entry: text.to_owned() })??;
        Ok(Self { first, others: namespaces.collect::<Result<_, _>>()? })
    }
}

fn parse_entry(entry: &str) -> Result<Uuid, InvalidNamespaces> {
    let namespace = match entry.strip_prefix("uuid:") {
        Some(id) => Uuid::try_parse(id).ok(),
        None => is_dns_name(entry)
            .then(|| Uuid::new_v5(&Uuid::NAMESPACE_DNS, entry.to_ascii_lowercase().as_bytes())),
    };
    namespace.ok_or_else(|| InvalidNamespaces { entry: entry.to_owned() })
}

fn is_dns_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_dns_label)
}

fn is_dns_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_what_its_text_says() {
        assert_eq!("less.so,betterbase.dev".parse(), Ok(PersonalSpaceNamespaces::default()));
        assert_eq!(
            " Less.so , uuid:c8362c28-0504-5522-9ba6-6e7ed1d76153".parse(),
            Ok(PersonalSpaceNamespaces::default())
        );
    }

    #[test]
    fn a_wrong_entry_is_named() {
        for (text, entry) in [
            ("less.so,,betterbase.dev", ""),
            ("", ""),
            ("less.so,uuid:nope", "uuid:nope"),
            ("https://less.so", "https://less.so"),
            ("less.so.", "less.so."),
            ("-less.so", "-less.so"),
        ] {
            let error = text.parse::<PersonalSpaceNamespaces>().unwrap_err();
            assert_eq!(error, InvalidNamespaces { entry: entry.into() }, "{text}");
        }
    }
}
