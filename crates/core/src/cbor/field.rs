//! Member semantics: behaviour of a map member that is absent, empty, zero, or spelled twice (protocol §2.3,
//! newer-clients §1).

use super::{Decode, Encode, InvalidParams, Reader};
use crate::Epoch;
use crate::wire::DekField;

/// Encoding and decoding behaviour of a member whose Rust type is `T`.
pub(crate) trait Field<'b, T> {
    /// Value of an absent member.
    fn absent() -> Result<T, InvalidParams>;

    /// Decodes the value of a present member.
    fn read(reader: &mut Reader<'b>) -> Result<T, InvalidParams>;

    /// Combines the values of the older and the newer spelling, in whichever order they came.
    fn join(one: T, other: T) -> Result<T, InvalidParams>;

    /// Returns true when the key is omitted on output.
    fn is_omitted(value: &T) -> bool;

    /// Encodes the value under `key`.
    fn write(value: &T, key: &str, out: &mut Vec<u8>);

    /// Estimated size of the value in bytes.
    fn size_hint(value: &T) -> usize;
}

macro_rules! plain_output {
    ($value:ty) => {
        fn write(value: &$value, _key: &str, out: &mut Vec<u8>) {
            value.encode(out);
        }

        fn size_hint(value: &$value) -> usize {
            value.size_hint()
        }
    };
}

macro_rules! equal_or_invalid {
    ($value:ty) => {
        fn join(one: $value, other: $value) -> Result<$value, InvalidParams> {
            if one == other { Ok(one) } else { Err(InvalidParams) }
        }
    };
}

/// Required member, always written.
pub(crate) struct Required;

impl<'b, T: Decode<'b> + Encode + PartialEq> Field<'b, T> for Required {
    fn absent() -> Result<T, InvalidParams> {
        Err(InvalidParams)
    }

    fn read(reader: &mut Reader<'b>) -> Result<T, InvalidParams> {
        T::read(reader)
    }

    fn is_omitted(_value: &T) -> bool {
        false
    }

    equal_or_invalid!(T);
    plain_output!(T);
}

/// Optional member: may be missing, null or undefined; omitted on output, never null.
pub(crate) struct OptionalItem;

impl<'b, T: Decode<'b> + Encode + PartialEq> Field<'b, Option<T>> for OptionalItem {
    fn absent() -> Result<Option<T>, InvalidParams> {
        Ok(None)
    }

    fn read(reader: &mut Reader<'b>) -> Result<Option<T>, InvalidParams> {
        if reader.absent() { Ok(None) } else { T::read(reader).map(Some) }
    }

    fn join(one: Option<T>, other: Option<T>) -> Result<Option<T>, InvalidParams> {
        match (one, other) {
            (Some(one), Some(other)) if one != other => Err(InvalidParams),
            (one, other) => Ok(one.or(other)),
        }
    }

    fn is_omitted(value: &Option<T>) -> bool {
        value.is_none()
    }

    fn write(value: &Option<T>, _key: &str, out: &mut Vec<u8>) {
        if let Some(value) = value {
            value.encode(out);
        }
    }

    fn size_hint(value: &Option<T>) -> usize {
        value.as_ref().map_or(0, Encode::size_hint)
    }
}

/// Types with an empty value: text and byte strings.
pub(crate) trait MaybeEmpty {
    fn is_empty(&self) -> bool;
}

impl MaybeEmpty for &str {
    fn is_empty(&self) -> bool {
        str::is_empty(self)
    }
}

impl MaybeEmpty for &[u8] {
    fn is_empty(&self) -> bool {
        <[u8]>::is_empty(self)
    }
}

/// Optional member whose empty string means absent too.
pub(crate) struct NonEmpty;

impl<'b, T: Decode<'b> + Encode + PartialEq + MaybeEmpty> Field<'b, Option<T>> for NonEmpty {
    fn absent() -> Result<Option<T>, InvalidParams> {
        Ok(None)
    }

    fn read(reader: &mut Reader<'b>) -> Result<Option<T>, InvalidParams> {
        Ok(OptionalItem::read(reader)?.filter(|value: &T| !value.is_empty()))
    }

    fn join(one: Option<T>, other: Option<T>) -> Result<Option<T>, InvalidParams> {
        OptionalItem::join(one, other)
    }

    fn is_omitted(value: &Option<T>) -> bool {
        value.as_ref().is_none_or(MaybeEmpty::is_empty)
    }

    fn write(value: &Option<T>, key: &str, out: &mut Vec<u8>) {
        OptionalItem::write(value, key, out);
    }

    fn size_hint(value: &Option<T>) -> usize {
        OptionalItem::size_hint(value)
    }
}

/// Member whose absence means zero, false or an empty list, and which is omitted when it has that value.
pub(crate) struct ZeroIsAbsent;

impl<'b, T: Decode<'b> + Encode + PartialEq + Default> Field<'b, T> for ZeroIsAbsent {
    fn absent() -> Result<T, InvalidParams> {
        Ok(T::default())
    }

    fn read(reader: &mut Reader<'b>) -> Result<T, InvalidParams> {
        if reader.absent() { Ok(T::default()) } else { T::read(reader) }
    }

    fn is_omitted(value: &T) -> bool {
        *value == T::default()
    }

    equal_or_invalid!(T);
    plain_output!(T);
}

/// Member whose absence means zero, but which is always written.
pub(crate) struct ZeroIfAbsent;

impl<'b, T: Decode<'b> + Encode + PartialEq + Default> Field<'b, T> for ZeroIfAbsent {
    fn absent() -> Result<T, InvalidParams> {
        Ok(T::default())
    }

    fn read(reader: &mut Reader<'b>) -> Result<T, InvalidParams> {
        ZeroIsAbsent::read(reader)
    }

    fn is_omitted(_value: &T) -> bool {
        false
    }

    equal_or_invalid!(T);
    plain_output!(T);
}

/// Required list whose items are all decoded and checked, but of which only the first `KEPT` are kept.
///
/// For lists with a fixed limit: one item beyond the limit suffices to detect the violation.
pub(crate) struct Bounded<const KEPT: usize>;

impl<'b, T: Decode<'b> + Encode + PartialEq, const KEPT: usize> Field<'b, Vec<T>> for Bounded<KEPT> {
    fn absent() -> Result<Vec<T>, InvalidParams> {
        Err(InvalidParams)
    }

    fn read(reader: &mut Reader<'b>) -> Result<Vec<T>, InvalidParams> {
        let mut remaining = reader.array()?;
        let mut items = Vec::new();
        while reader.enters(&mut remaining)? {
            let item = T::read(reader)?;
            if items.len() < KEPT {
                items.push(item);
            }
        }
        Ok(items)
    }

    fn is_omitted(_value: &Vec<T>) -> bool {
        false
    }

    equal_or_invalid!(Vec<T>);
    plain_output!(Vec<T>);
}

/// Flag in two spellings: set when either is true.
pub(crate) struct AnyTrue;

impl<'b> Field<'b, bool> for AnyTrue {
    fn absent() -> Result<bool, InvalidParams> {
        Ok(false)
    }

    fn read(reader: &mut Reader<'b>) -> Result<bool, InvalidParams> {
        ZeroIsAbsent::read(reader)
    }

    fn join(one: bool, other: bool) -> Result<bool, InvalidParams> {
        Ok(one | other)
    }

    fn is_omitted(value: &bool) -> bool {
        !value
    }

    plain_output!(bool);
}

/// Epoch of a writer: absent and 0 mean unknown; negative is invalid.
pub(crate) struct StatedEpoch;

impl<'b> Field<'b, Option<Epoch>> for StatedEpoch {
    fn absent() -> Result<Option<Epoch>, InvalidParams> {
        Ok(None)
    }

    fn read(reader: &mut Reader<'b>) -> Result<Option<Epoch>, InvalidParams> {
        match ZeroIsAbsent::read(reader)? {
            0 => Ok(None),
            number => Epoch::new(number).map(Some).map_err(|_| InvalidParams),
        }
    }

    fn is_omitted(value: &Option<Epoch>) -> bool {
        value.is_none()
    }

    fn write(value: &Option<Epoch>, key: &str, out: &mut Vec<u8>) {
        OptionalItem::write(value, key, out);
    }

    fn size_hint(value: &Option<Epoch>) -> usize {
        OptionalItem::size_hint(value)
    }

    equal_or_invalid!(Option<Epoch>);
}

/// Key generation from a server that may not know it: 0, which the first original server writes into every
/// `sync`, is decoded as [`Epoch::FIRST`](crate::Epoch::FIRST).
pub(crate) struct ZeroIsFirst;

impl<'b> Field<'b, Epoch> for ZeroIsFirst {
    fn absent() -> Result<Epoch, InvalidParams> {
        Err(InvalidParams)
    }

    fn read(reader: &mut Reader<'b>) -> Result<Epoch, InvalidParams> {
        match i32::read(reader)? {
            0 => Ok(Epoch::FIRST),
            number => Epoch::new(number).map_err(|_| InvalidParams),
        }
    }

    fn is_omitted(_value: &Epoch) -> bool {
        false
    }

    equal_or_invalid!(Epoch);
    plain_output!(Epoch);
}

/// Wrapped data key from a client in two spellings; a disagreement is kept.
pub(crate) struct EitherDek;

impl<'b> Field<'b, DekField<'b>> for EitherDek {
    fn absent() -> Result<DekField<'b>, InvalidParams> {
        Ok(DekField::Absent)
    }

    fn read(reader: &mut Reader<'b>) -> Result<DekField<'b>, InvalidParams> {
        Ok(OptionalItem::read(reader)?.map_or(DekField::Absent, DekField::Stated))
    }

    fn join(one: DekField<'b>, other: DekField<'b>) -> Result<DekField<'b>, InvalidParams> {
        Ok(one.joined(other))
    }

    fn is_omitted(value: &DekField<'b>) -> bool {
        matches!(value, DekField::Absent)
    }

    fn write(value: &DekField<'b>, key: &str, out: &mut Vec<u8>) {
        if let Some(bytes) = value.spelled(key) {
            bytes.encode(out);
        }
    }

    fn size_hint(value: &DekField<'b>) -> usize {
        value.spelled("dek").map_or(0, Encode::size_hint)
    }
}
