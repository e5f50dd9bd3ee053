//! Declarative macros for maps and text enums.

/// Declares a struct that is a map on the wire, with its decoder and encoder.
///
/// Every member names its key, or its two spellings (both are written, either is read), and its
/// [`Field`](super::Field) behaviour. Members are written in declaration order and read in any order;
/// unknown keys are skipped. A lifetime must be called `'b`.
macro_rules! map {
    ($(
        $(#[$doc:meta])*
        $vis:vis struct $name:ident $(<$life:lifetime>)? {
            $(
                $(#[$member_doc:meta])*
                $key:literal $(| $newer:literal)? => $member:ident: $type:ty as $field:ty,
            )*
        }
    )+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        $vis struct $name $(<$life>)? {
            $($(#[$member_doc])* $vis $member: $type,)*
        }

        impl<'b> $crate::cbor::Decode<'b> for $name $(<$life>)? {
            fn read(reader: &mut $crate::cbor::Reader<'b>) -> Result<Self, $crate::cbor::InvalidParams> {
                $(let mut $member: Option<$type> = None;)*
                let mut remaining = reader.map()?;
                while reader.enters(&mut remaining)? {
                    match reader.text()? {
                        $($key $(| $newer)? => {
                            let value = <$field as $crate::cbor::Field<'b, $type>>::read(reader)?;
                            $member = Some(match $member.take() {
                                None => value,
                                Some(other) => <$field as $crate::cbor::Field<'b, $type>>::join(other, value)?,
                            });
                        })*
                        _ => reader.skip()?,
                    }
                }
                Ok(Self {
                    $($member: match $member {
                        Some(value) => value,
                        None => <$field as $crate::cbor::Field<'b, $type>>::absent()?,
                    },)*
                })
            }
        }

        impl $(<$life>)? $crate::cbor::Encode for $name $(<$life>)? {
            fn encode(&self, out: &mut Vec<u8>) {
                let mut keys = 0;
                $(if !<$field as $crate::cbor::Field<'_, _>>::is_omitted(&self.$member) {
                    keys += [$key $(, $newer)?].len();
                })*
                $crate::cbor::map_head(out, keys);
                $(if !<$field as $crate::cbor::Field<'_, _>>::is_omitted(&self.$member) {
                    for key in [$key $(, $newer)?] {
                        $crate::cbor::text(out, key);
                        <$field as $crate::cbor::Field<'_, _>>::write(&self.$member, key, out);
                    }
                })*
            }

            fn size_hint(&self) -> usize {
                let mut bytes = 3;
                $(for key in [$key $(, $newer)?] {
                    bytes += 2 + key.len() + <$field as $crate::cbor::Field<'_, _>>::size_hint(&self.$member);
                })*
                bytes
            }
        }
    )+};
}

/// Declares an enum whose variants are fixed texts; any other text is invalid.
macro_rules! words {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $crate::cbor::Decode<'_> for $name {
            fn read(reader: &mut $crate::cbor::Reader<'_>) -> Result<Self, $crate::cbor::InvalidParams> {
                match reader.text()? {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::cbor::InvalidParams),
                }
            }
        }

        impl $crate::cbor::Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                $crate::cbor::text(out, match self { $(Self::$variant => $text,)+ });
            }
        }
    };
}

pub(crate) use {map, words};
