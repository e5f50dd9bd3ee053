//! Major version of PostgreSQL that a test run asks for.

use std::fmt;
use std::path::{Path, PathBuf};

/// Variable that names the version. Unset: the newest one at hand.
const VARIABLE: &str = "LESS_TEST_POSTGRES_VERSION";

/// Versions that the adapter supports (operations §11.3).
const SUPPORTED: [u32; 4] = [15, 16, 17, 18];

/// Folders with one folder per major version: packages of the distribution, and what `test-support/postgresql/install` puts
/// where the user that runs the server can read it.
const INSTALLED: [&str; 2] = ["/usr/lib/postgresql", "/usr/local/lib/less-sync-tests/postgresql"];

/// A supported major version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MajorVersion(u32);

impl MajorVersion {
    /// Version of the environment.
    ///
    /// # Panics
    /// If it is not a supported one.
    pub(super) fn requested() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "test configuration from the environment")]
        let text = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty())?;
        let found = SUPPORTED.into_iter().find(|version| version.to_string() == text);
        let found = found.unwrap_or_else(|| panic!("{VARIABLE} must be one of {SUPPORTED:?}, not {text:?}"));
        Some(Self(found))
    }

    /// Folders that may have its programs.
    pub(super) fn folders(self) -> impl Iterator<Item = PathBuf> {
        let installed =
            INSTALLED.iter().map(move |folder| Path::new(folder).join(self.to_string()).join("bin"));
        let package = format!("postgresql/node_modules/postgresql-{self}/native/bin");
        installed.chain([Path::new(env!("CARGO_MANIFEST_DIR")).join(package)])
    }

    /// Message of a run whose server has another version, `found`; `None` if it has this one.
    pub(super) fn mismatch(self, found: i32) -> Option<String> {
        let text =
            format!("{VARIABLE} asks for PostgreSQL {self}, and the server of the tests has version {found}");
        (u32::try_from(found) != Ok(self.0)).then_some(text)
    }

    /// Message of a test that has no way to a server of this version.
    pub(super) fn no_way(self) -> String {
        format!(
            "{VARIABLE} asks for PostgreSQL {self}, which is not here: run test-support/postgresql/install (needs npm, on \
             Linux on x86-64), install it in {}/{self}, or start a Docker engine",
            INSTALLED[0]
        )
    }
}

impl fmt::Display for MajorVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
