//! Checks of a signature that need no key: rows 1 to 8 of auth §9.2.

use less_sync_core::Timestamp;

use super::base::{component_value, signature_base};
use super::fields::{Item, Member, Parameters, Value, member};
use super::{
    LABEL, REQUIRED, ReceivedRequest, SignatureError, SignaturePolicy, TargetScheme, VerifiedSignature,
};
use crate::federation::PeerKey;

/// Maximum length of each of the two headers, in bytes.
const MAX_HEADER: usize = 4096;

/// Maximum number of covered components.
const MAX_COMPONENTS: usize = 16;

/// Signature of a request, well-formed and within its time, not verified.
#[derive(Debug)]
pub struct SignatureInput<'r> {
    request: &'r ReceivedRequest<'r>,
    schemes: Vec<TargetScheme>,
    components: Vec<String>,
    /// Received text of the member, the last line of the base.
    signature_params: String,
    key_id: String,
    is_bound: bool,
    signature: [u8; 64],
}

impl<'r> SignatureInput<'r> {
    /// Parses both headers of `request` and checks algorithm, time and covered components at `now`.
    ///
    /// # Errors
    /// [`SignatureError`] of the first failed check, in the order of auth §9.2.
    pub fn parse(
        request: &'r ReceivedRequest<'r>,
        policy: &SignaturePolicy,
        now: Timestamp,
    ) -> Result<Self, SignatureError> {
        let input = request.header("signature-input").ok_or(SignatureError::MissingInput)?;
        let signature = request.header("signature").ok_or(SignatureError::MissingSignature)?;
        if input.len() > MAX_HEADER || signature.len() > MAX_HEADER {
            return Err(SignatureError::InvalidInput);
        }
        let member = member(&input, LABEL).ok().flatten().ok_or(SignatureError::InvalidInput)?;
        let components = components(&member)?;
        let parameters = CheckedParameters::of(&member.parameters)?;
        parameters.check_time(policy, now)?;
        let covers = |name: &str| components.iter().any(|component| component == name);
        let is_bound = covers(policy.binding_header) || parameters.has_nonce;
        if !REQUIRED.into_iter().all(covers) || (policy.require_bound && !is_bound) {
            return Err(SignatureError::MissingComponent);
        }
        let is_present = |name: &String| component_value(name, request, TargetScheme::Wss).is_some();
        if !components.iter().all(is_present) {
            return Err(SignatureError::InvalidInput);
        }
        Ok(Self {
            request,
            schemes: policy.schemes.clone(),
            signature_params: member.text.to_owned(),
            key_id: parameters.key_id,
            is_bound,
            signature: signature_bytes(&signature)?,
            components,
        })
    }

    /// True if the signature covers the header `name`, in lowercase.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        self.components.iter().any(|component| component == name)
    }

    /// Id of the signing key as received; not necessarily a [`KeyId`](crate::federation::KeyId).
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Verifies the signature with `keys`, those known for [`Self::key_id`], and every accepted scheme in turn: at most four
    /// verifications per key.
    ///
    /// # Errors
    /// [`SignatureError::UnknownKey`] without a key, [`SignatureError::Verification`] when none verifies,
    /// [`SignatureError::InvalidKeyId`] when the id names no peer.
    pub fn verify(&self, keys: &[PeerKey]) -> Result<VerifiedSignature, SignatureError> {
        if keys.is_empty() {
            return Err(SignatureError::UnknownKey);
        }
        let bases = self.schemes.iter().map(|scheme| self.base(*scheme));
        let verifies = |base: &String| keys.iter().any(|key| key.verifies(base.as_bytes(), &self.signature));
        let base = bases.into_iter().find(verifies).ok_or(SignatureError::Verification)?;
        let key_id = self.key_id.parse().map_err(|_| SignatureError::InvalidKeyId)?;
        Ok(VerifiedSignature::new(key_id, &base, self.is_bound))
    }

    fn base(&self, scheme: TargetScheme) -> String {
        let value = |name: &String| component_value(name, self.request, scheme).unwrap_or_default();
        signature_base(
            self.components.iter().map(|name| (name.as_str(), value(name))),
            &self.signature_params,
        )
    }
}

/// Names of the covered components: at most sixteen strings without parameters, none twice.
fn components(member: &Member<'_>) -> Result<Vec<String>, SignatureError> {
    let Value::List(items) = &member.value else { return Err(SignatureError::InvalidInput) };
    let mut names: Vec<String> = Vec::new();
    for item in items {
        match item {
            (Item::String(name), parameters) if parameters.is_empty() && !names.contains(name) => {
                names.push(name.clone());
            }
            _ => return Err(SignatureError::InvalidInput),
        }
    }
    if names.len() > MAX_COMPONENTS { Err(SignatureError::InvalidInput) } else { Ok(names) }
}

/// Parameters of the signature: rows 3 to 5.
struct CheckedParameters {
    key_id: String,
    algorithm: String,
    created: i64,
    expires: Option<i64>,
    has_nonce: bool,
}

impl CheckedParameters {
    fn of(parameters: &Parameters) -> Result<Self, SignatureError> {
        let has_repetition = parameters
            .iter()
            .enumerate()
            .any(|(at, (name, _))| parameters.iter().skip(at + 1).any(|(other, _)| other == name));
        if has_repetition {
            return Err(SignatureError::InvalidInput);
        }
        let parameters = Self {
            key_id: required(string(parameters, "keyid")?)?,
            algorithm: required(string(parameters, "alg")?)?,
            created: required(integer(parameters, "created")?)?,
            expires: integer(parameters, "expires")?,
            has_nonce: string(parameters, "nonce")?.is_some(),
        };
        if parameters.created < 0 { Err(SignatureError::InvalidInput) } else { Ok(parameters) }
    }

    fn check_time(&self, policy: &SignaturePolicy, now: Timestamp) -> Result<(), SignatureError> {
        if self.algorithm != "ed25519" {
            return Err(SignatureError::UnsupportedAlgorithm);
        }
        let now = now.seconds();
        let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        if self.created < now.saturating_sub(seconds(policy.max_age))
            || self.expires.is_some_and(|expires| expires < now)
        {
            return Err(SignatureError::Expired);
        }
        if self.created > now.saturating_add(seconds(policy.max_ahead)) {
            return Err(SignatureError::InFuture);
        }
        Ok(())
    }
}

fn required<T>(value: Option<T>) -> Result<T, SignatureError> {
    value.ok_or(SignatureError::InvalidInput)
}

fn value<'p>(parameters: &'p Parameters, name: &str) -> Option<&'p Item> {
    parameters.iter().find(|(other, _)| other == name).map(|(_, item)| item)
}

fn string(parameters: &Parameters, name: &str) -> Result<Option<String>, SignatureError> {
    match value(parameters, name) {
        None => Ok(None),
        Some(Item::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(SignatureError::InvalidInput),
    }
}

fn integer(parameters: &Parameters, name: &str) -> Result<Option<i64>, SignatureError> {
    match value(parameters, name) {
        None => Ok(None),
        Some(Item::Integer(number)) => Ok(Some(*number)),
        Some(_) => Err(SignatureError::InvalidInput),
    }
}

/// Signature of member `sig` in header `Signature`: row 8.
fn signature_bytes(header: &str) -> Result<[u8; 64], SignatureError> {
    let member = member(header, LABEL).map_err(|_| SignatureError::InvalidSignature)?;
    match member.ok_or(SignatureError::MissingSignature)?.value {
        Value::Item(Item::Bytes(bytes)) => bytes.try_into().map_err(|_| SignatureError::InvalidSignature),
        Value::Item(_) | Value::List(_) => Err(SignatureError::InvalidSignature),
    }
}
