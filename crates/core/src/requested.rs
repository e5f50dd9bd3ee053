//! Numbers in requests that may name nothing.

/// `T` that a request names by a number. Clients may send any number: one outside the range of `T` names nothing, so it
/// equals no stored value and is rejected where an unequal value is, after the same checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requested<T>(Option<T>);

impl<T> Requested<T> {
    /// Request that names `value`.
    #[must_use]
    pub const fn of(value: T) -> Self {
        Self(Some(value))
    }

    /// Named value; `None` for a number outside the range of `T`.
    #[must_use]
    pub fn value(self) -> Option<T> {
        self.0
    }
}

impl<T: PartialEq> Requested<T> {
    /// Returns whether the request names `value`.
    #[must_use]
    pub fn is(&self, value: T) -> bool {
        self.0 == Some(value)
    }
}

impl<T: TryFrom<i32>> From<i32> for Requested<T> {
    fn from(number: i32) -> Self {
        Self(T::try_from(number).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Epoch;

    #[test]
    fn number_out_of_range_names_nothing() {
        let named = |number: i32| Requested::<Epoch>::from(number);
        assert_eq!(named(1), Requested::of(Epoch::FIRST));
        assert!(named(1).is(Epoch::FIRST) && !named(2).is(Epoch::FIRST));
        for number in [0, -1, i32::MIN] {
            assert_eq!(named(number).value(), None, "{number}");
            assert!(!named(number).is(Epoch::FIRST), "{number}");
        }
    }
}
