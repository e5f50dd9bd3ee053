//! Whole numbers of 31 bits that count upwards from a first value: epochs, places and versions.

macro_rules! ordinal {
    ($(#[$doc:meta])* $name:ident, from $first:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(i32);

        impl $name {
            /// Maximum value, inclusive.
            pub const MAX: Self = Self(i32::MAX);

            /// Checks the range and wraps the number.
            ///
            /// # Errors
            #[doc = concat!("[`OutOfRange`](crate::OutOfRange) when the number is below ", $first, ".")]
            pub const fn new(number: i32) -> Result<Self, crate::OutOfRange> {
                if number >= $first { Ok(Self(number)) } else { Err(crate::OutOfRange) }
            }

            /// Numeric value.
            #[must_use]
            pub const fn get(self) -> i32 {
                self.0
            }
        }

        impl TryFrom<i32> for $name {
            type Error = crate::OutOfRange;

            fn try_from(number: i32) -> Result<Self, crate::OutOfRange> {
                Self::new(number)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

pub(crate) use ordinal;
