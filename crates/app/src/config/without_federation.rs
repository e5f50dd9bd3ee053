//! Settings of a build without federation: none.

use super::reader::Reader;

/// No settings.
#[derive(Clone, Copy, Debug, Default)]
pub struct FederationConfig;

impl FederationConfig {
    #[expect(clippy::unused_self, reason = "the same interface as with federation")]
    pub(super) const fn accepts_links(self) -> bool {
        false
    }

    pub(super) fn read(_reader: &mut Reader<'_>) -> Self {
        Self
    }
}
