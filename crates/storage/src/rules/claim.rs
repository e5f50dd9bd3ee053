//! Decision on the claim of an upload (storage §3.13; http §7.2, checks 15 to 17).

use less_sync_core::{Epoch, RecordId};

use crate::{Claim, Claimed, FileRejection};

impl Claim {
    /// Decides this claim. `owner_is_live`: true if the record that shall own the file exists and is not
    /// deleted. `owned_by`: the record that owns the file now, if it is live. `minimum`: the oldest epoch that the space
    /// accepts; `None` for personal spaces.
    ///
    /// # Errors
    /// [`FileRejection::RecordNotFound`], [`FileRejection::OwnedElsewhere`], [`FileRejection::EpochStale`]; the first that
    /// applies.
    pub fn verdict(
        &self,
        owner_is_live: bool,
        owned_by: Option<RecordId>,
        minimum: Option<Epoch>,
    ) -> Result<Claimed, FileRejection> {
        if !owner_is_live {
            return Err(FileRejection::RecordNotFound);
        }
        match owned_by {
            Some(owner) if owner == self.record => Ok(Claimed::Exists),
            Some(_) => Err(FileRejection::OwnedElsewhere),
            None if minimum.is_some_and(|oldest| self.dek.epoch_prefix() < oldest.get().unsigned_abs()) => {
                Err(FileRejection::EpochStale)
            }
            None => Ok(Claimed::Free),
        }
    }
}

#[cfg(test)]
mod tests {
    use less_sync_core::{Dek, FileId};

    use super::*;

    /// Every combination: the owner goes before the file, and a file that is there before its key.
    #[test]
    fn first_objection_decides() {
        let (mine, other) = (RecordId::from_bytes([1; 16]), RecordId::from_bytes([2; 16]));
        let claim = |prefix: u8| {
            let mut dek = [0; Dek::LENGTH];
            dek[3] = prefix;
            Claim { file: FileId::from_bytes([3; 16]), record: mine, dek: Dek::try_from(&dek[..]).unwrap() }
        };
        for owned_by in [None, Some(mine), Some(other)] {
            for minimum in [None, Epoch::new(5).ok()] {
                for prefix in [0, 4, 5, 6] {
                    let rejected = claim(prefix).verdict(false, owned_by, minimum);
                    assert!(matches!(rejected, Err(FileRejection::RecordNotFound)), "{rejected:?}");
                    let verdict = claim(prefix).verdict(true, owned_by, minimum);
                    let expected = match owned_by {
                        Some(owner) if owner == mine => "Ok(Exists)",
                        Some(_) => "Err(OwnedElsewhere)",
                        None if prefix < 5 && minimum.is_some() => "Err(EpochStale)",
                        None => "Ok(Free)",
                    };
                    assert_eq!(format!("{verdict:?}"), expected, "{owned_by:?} {minimum:?} {prefix}");
                }
            }
        }
    }

    /// Prefixes are unsigned: one that is no epoch at all is newer than any.
    #[test]
    fn prefixes_are_unsigned() {
        let (record, file) = (RecordId::from_bytes([1; 16]), FileId::from_bytes([3; 16]));
        let claim = Claim { file, record, dek: Dek::try_from(&[0xff; Dek::LENGTH][..]).unwrap() };
        assert!(matches!(claim.verdict(true, None, Epoch::new(i32::MAX).ok()), Ok(Claimed::Free)));
    }
}
