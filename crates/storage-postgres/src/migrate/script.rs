//! SQL script and its directives.

/// First line of a script that may not run in a transaction.
const NO_TRANSACTION: &str = "-- no-transaction";

/// First line of a script that loses data irreversibly.
const LOSES_DATA: &str = "-- loses data";

/// Script of one direction of a migration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script(&'static str);

/// Irreversible data loss by a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Never,
    Always,
    /// If this query, on the schema before any step, returns true.
    When(&'static str),
}

impl Script {
    pub(crate) fn new(sql: &'static str) -> Self {
        Self(sql)
    }

    pub(crate) fn sql(self) -> &'static str {
        self.0
    }

    pub(crate) fn in_transaction(self) -> bool {
        self.first_line() != NO_TRANSACTION
    }

    pub(crate) fn loss(self) -> Loss {
        match self.first_line().strip_prefix(LOSES_DATA) {
            None => Loss::Never,
            Some(rest) => rest.strip_prefix(" when: ").map_or(Loss::Always, Loss::When),
        }
    }

    /// The index that a script without a transaction builds, and leaves behind invalid when it fails.
    pub(crate) fn index(self) -> Option<&'static str> {
        if self.in_transaction() {
            return None;
        }
        let (_, rest) = self.0.split_once(" INDEX CONCURRENTLY ")?;
        rest.strip_prefix("IF NOT EXISTS ").unwrap_or(rest).split_whitespace().next()
    }

    fn first_line(self) -> &'static str {
        self.0.lines().next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_line_says_how_to_run() {
        let plain = Script::new("-- A table.\nCREATE TABLE t ();");
        assert!(plain.in_transaction());
        assert_eq!((plain.loss(), plain.index()), (Loss::Never, None));
        assert_eq!(Script::new("-- loses data\nDROP TABLE t;").loss(), Loss::Always);
        let conditional = Script::new("-- loses data when: SELECT true\nDROP TABLE t;");
        assert_eq!(conditional.loss(), Loss::When("SELECT true"));
    }

    #[test]
    fn index_of_a_concurrent_build_is_known_by_name() {
        let unique =
            Script::new("-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (c);");
        assert!(!unique.in_transaction());
        assert_eq!(unique.index(), Some("i"));
        let plain = Script::new("-- no-transaction\nCREATE INDEX CONCURRENTLY j ON t (c);");
        assert_eq!(plain.index(), Some("j"));
    }
}
