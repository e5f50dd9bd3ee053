//! Counters of token validations and key set fetches (operations §7.2).

use less_sync_auth::{InvalidToken, TokenError};
use less_sync_metrics::{Counter, Registry};

/// An error of each class.
const CLASSES: [TokenError; 6] = [
    TokenError::Missing,
    TokenError::Invalid(InvalidToken::Malformed),
    TokenError::Expired,
    TokenError::UntrustedIssuer,
    TokenError::KeySourceUnavailable,
    TokenError::BindingUnavailable,
];

/// Validations of access tokens by outcome.
#[derive(Debug, Default)]
pub(crate) struct ValidationMetrics {
    ok: Counter,
    /// In the order of [`CLASSES`].
    rejected: [Counter; CLASSES.len()],
}

impl ValidationMetrics {
    pub(crate) fn count<T>(&self, result: &Result<T, TokenError>) {
        let counter = match result {
            Ok(_) => Some(&self.ok),
            Err(error) => {
                let classes = CLASSES.iter().zip(&self.rejected);
                classes
                    .into_iter()
                    .find_map(|(known, counter)| (known.class() == error.class()).then_some(counter))
            }
        };
        if let Some(counter) = counter {
            counter.inc();
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let rejected = CLASSES.iter().zip(&self.rejected);
        let rejected = rejected.map(|(error, counter)| ([error.class()], counter.clone()));
        let outcomes = [(["ok"], self.ok.clone())].into_iter().chain(rejected);
        registry.family("auth_validations_total", "validations of access tokens", ["outcome"], outcomes);
    }
}

/// Fetches of the key set of one issuer by outcome.
#[derive(Debug, Default)]
pub(crate) struct FetchMetrics {
    pub(crate) ok: Counter,
    pub(crate) error: Counter,
}
