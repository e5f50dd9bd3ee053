//! Schema status, printed as a table or as JSON.

use std::fmt::Write as _;

use anyhow::Context as _;
use serde::Serialize;

/// Result of `status`.
#[derive(Debug, Serialize)]
pub(super) struct Schema {
    /// Highest applied version.
    pub(super) version: i64,
    /// Version that this build needs.
    pub(super) latest: i64,
    /// True if nothing is pending, blocked or drifted.
    pub(super) current: bool,
    pub(super) migrations: Vec<Migration>,
    pub(super) fingerprint: Option<String>,
    pub(super) drift: Option<String>,
    /// Reason for which `up` would fail before its first step.
    pub(super) obstacle: Option<String>,
    pub(super) notes: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Migration {
    pub(super) version: i64,
    pub(super) name: String,
    pub(super) state: &'static str,
    pub(super) installed_on: Option<String>,
    pub(super) ms: Option<u64>,
}

impl Schema {
    pub(super) fn to_json(&self) -> anyhow::Result<String> {
        serde_json::to_string(self).context("failed to encode JSON")
    }

    /// Table of migrations, followed by the properties of the whole schema.
    pub(super) fn to_text(&self) -> String {
        let mut text = format!("{:>7}  {:<26}{:<10}{:<22}{}", "version", "name", "state", "applied at", "ms");
        for migration in &self.migrations {
            text.push('\n');
            text.push_str(&migration.to_text());
        }
        let mut line = |name: &str, value: &str| {
            let _infallible = write!(text, "\n{name}={value}");
        };
        if let Some(fingerprint) = &self.fingerprint {
            line("fingerprint", fingerprint);
        }
        if let Some(drift) = &self.drift {
            line("drift", drift);
        }
        if let Some(obstacle) = &self.obstacle {
            line("obstacle", obstacle);
        }
        self.notes.iter().for_each(|note| line("note", note));
        text
    }
}

impl Migration {
    fn to_text(&self) -> String {
        let installed_on = self.installed_on.as_deref().unwrap_or_default();
        let ms = self.ms.map(|ms| ms.to_string()).unwrap_or_default();
        let line = format!("{:>7}  {:<26}{:<10}{installed_on:<22}{ms}", self.version, self.name, self.state);
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_shows_applied_and_pending_migrations() {
        let done = Migration {
            version: 1,
            name: "initial".into(),
            state: "applied",
            installed_on: Some("2026-01-02T03:04:05Z".into()),
            ms: Some(12),
        };
        let pending = Migration {
            version: 2,
            name: "revocations".into(),
            state: "pending",
            installed_on: None,
            ms: None,
        };
        let schema = Schema {
            version: 1,
            latest: 2,
            current: false,
            migrations: vec![done, pending],
            fingerprint: Some("ab".into()),
            drift: Some("missing a".into()),
            obstacle: None,
            notes: vec!["n".into()],
        };
        let expected = "\
version  name                      state     applied at            ms
      1  initial                   applied   2026-01-02T03:04:05Z  12
      2  revocations               pending
fingerprint=ab
drift=missing a
note=n";
        assert_eq!(schema.to_text(), expected);
    }
}
