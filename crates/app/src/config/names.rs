//! Unknown setting names: misspelled ones, and names of the specification that this version does not support.

/// Prefixes of less-sync settings; an unknown name with one of them is a mistake.
const OUR_PREFIXES: [&str; 10] = [
    "FEDERATION_",
    "FILE_",
    "DATABASE_",
    "LESS_SYNC_",
    "WS_",
    "JWT_",
    "JWKS_",
    "PERSONAL_SPACE_",
    "TLS_",
    "ISSUER_",
];

/// Variables of the toolbox and of tests, which may share an environment with the server.
const FOREIGN: [&str; 5] =
    ["LESS_SYNC_URL", "LESS_SYNC_TOKEN", "LESS_SYNC_KEYS", "LESS_SYNC_ADMIN_URL", "LESS_TEST_DATABASE_URL"];

/// Variable that `cargo run` sets for programs with a build script; not a setting.
const OF_CARGO: &str = "LESS_SYNC_VERSION";

/// Names of the specification without effect in this version. Ignoring them silently would mislead operators.
const UNSUPPORTED: [&str; 4] =
    ["HEALTH_DETAILS", "LOG_CLIENT_ADDR", "SPACE_SESSION_SECRET", "WS_S2S_IDLE_TIMEOUT"];

/// Checks an environment variable; returns a warning if nothing reads it.
pub(crate) fn check_variable(name: &str, known: &[&str]) -> Option<String> {
    if is_known(name, known) || FOREIGN.contains(&name) || name == OF_CARGO {
        return None;
    }
    if is_unsupported(name) {
        return Some(format!("{name} is not supported by this version and has no effect"));
    }
    let ours = OUR_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let hint = nearest(name, known).map(|nearest| format!("; the nearest known name is {nearest}"));
    ours.then(|| format!("unknown variable {name} has no effect{}", hint.unwrap_or_default()))
}

/// Checks an entry of the config file; returns a warning for an unsupported name.
///
/// # Errors
/// The name is unknown.
pub(crate) fn check_file_entry(name: &str, known: &[&str]) -> Result<Option<String>, String> {
    let shown = name.to_lowercase();
    if is_known(name, known) {
        Ok(None)
    } else if is_unsupported(name) {
        Ok(Some(format!("{shown} in the config file is not supported by this version and has no effect")))
    } else {
        let hint = nearest(name, known).map(str::to_lowercase);
        let hint = hint.map(|nearest| format!("; the nearest known name is {nearest}"));
        Err(format!("unknown name {shown} in the config file{}", hint.unwrap_or_default()))
    }
}

fn is_known(name: &str, known: &[&str]) -> bool {
    matches_form(name, known)
}

fn is_unsupported(name: &str) -> bool {
    matches_form(name, &UNSUPPORTED)
}

/// True if `name` is one of `names` or the `_FILE` form of one.
fn matches_form(name: &str, names: &[&str]) -> bool {
    names.contains(&name) || name.strip_suffix("_FILE").is_some_and(|plain| names.contains(&plain))
}

/// Known name that `name` may be a misspelling of; `None` if more than a quarter of the letters differ.
fn nearest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    let nearest = known.iter().copied().min_by_key(|candidate| distance(name, candidate))?;
    (distance(name, nearest) <= nearest.len() / 4).then_some(nearest)
}

/// Levenshtein distance.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.bytes().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        for (cell, candidate) in row.iter_mut().skip(1).zip(other.bytes()) {
            let exchanged = diagonal + usize::from(letter != candidate);
            diagonal = *cell;
            *cell = exchanged.min(diagonal + 1).min(left + 1);
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["DATABASE_URL", "LISTEN_ADDR", "WS_AUTH_TIMEOUT"];

    #[test]
    fn distances_are_counted_in_letters() {
        for (one, other, expected) in
            [("", "", 0), ("abc", "abc", 0), ("abc", "abd", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn misspelled_variable_is_reported_with_the_nearest_name() {
        let warning = check_variable("WS_AUTH_TIMOUT", &KNOWN).unwrap();
        assert_eq!(
            warning,
            "unknown variable WS_AUTH_TIMOUT has no effect; the nearest known name is WS_AUTH_TIMEOUT"
        );
    }

    #[test]
    fn name_that_is_not_near_is_not_offered() {
        let warning = check_variable("FILE_OWNER", &KNOWN).unwrap();
        assert_eq!(warning, "unknown variable FILE_OWNER has no effect");
        assert_eq!(
            check_file_entry("OWNER", &KNOWN),
            Err("unknown name owner in the config file".to_owned())
        );
    }

    #[test]
    fn foreign_variables_are_ignored() {
        for name in [
            "PATH",
            "HOME",
            "LESS_SYNC_TOKEN",
            "LESS_SYNC_KEYS",
            "LESS_SYNC_ADMIN_URL",
            "LESS_SYNC_VERSION",
            "DATABASE_URL",
            "DATABASE_URL_FILE",
        ] {
            assert_eq!(check_variable(name, &KNOWN), None, "{name}");
        }
    }

    #[test]
    fn unsupported_setting_is_reported() {
        let warning = check_variable("HEALTH_DETAILS", &KNOWN).unwrap();
        assert_eq!(warning, "HEALTH_DETAILS is not supported by this version and has no effect");
        assert!(matches!(check_file_entry("HEALTH_DETAILS", &KNOWN), Ok(Some(_))));
    }

    #[test]
    fn an_unknown_entry_of_the_config_file_is_a_problem() {
        assert_eq!(check_file_entry("DATABASE_URL", &KNOWN), Ok(None));
        assert_eq!(
            check_file_entry("LISTEN_ADR", &KNOWN),
            Err("unknown name listen_adr in the config file; the nearest known name is listen_addr"
                .to_owned())
        );
    }
}
