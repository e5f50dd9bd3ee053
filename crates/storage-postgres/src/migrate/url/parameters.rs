//! Settings in the parameter `options` of an address, as statements: proxies that pool transactions reject the parameter.

use url::Url;

/// The address without `options` and `options[NAME]`, and statements that set what they say; `None` without them.
///
/// Understands `-c NAME=VALUE` and `--NAME=VALUE`; other switches of the server are left out.
pub(super) fn take(url: &Url) -> Option<(Url, String)> {
    let (given, kept): (Vec<_>, Vec<_>) = url
        .query_pairs()
        .into_owned()
        .partition(|(name, _)| name == "options" || name.starts_with("options["));
    if given.is_empty() {
        return None;
    }
    let mut plain = url.clone();
    plain.query_pairs_mut().clear().extend_pairs(kept);
    let statements = given.iter().flat_map(|(name, value)| {
        match name.strip_prefix("options[").and_then(|name| name.strip_suffix(']')) {
            Some(name) => vec![(name, value.as_str())],
            None => switches(value),
        }
    });
    let statements: Vec<String> = statements.filter_map(|(name, value)| statement(name, value)).collect();
    Some((plain, statements.join("; ")))
}

/// Names and values of the settings in a command line of the server.
fn switches(line: &str) -> Vec<(&str, &str)> {
    let words = line.split_whitespace().filter(|word| *word != "-c");
    let settings =
        words.map(|word| word.strip_prefix("--").or_else(|| word.strip_prefix("-c")).unwrap_or(word));
    settings.filter_map(|setting| setting.split_once('=')).collect()
}

fn statement(name: &str, value: &str) -> Option<String> {
    let is_name = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.".contains(letter));
    let value = value.replace('\'', "''");
    (is_name && !name.is_empty()).then(|| format!("SELECT set_config('{name}', '{value}', false)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_an_address_are_statements() {
        let statements =
            |url: &str| take(&Url::parse(url).unwrap()).map(|(plain, sql)| (plain.to_string(), sql));
        assert_eq!(statements("postgres://h/d?sslmode=require"), None);
        for (query, expected) in [
            ("options=-c%20search_path%3Dapp", "SELECT set_config('search_path', 'app', false)"),
            ("options=-cwork_mem%3D1MB", "SELECT set_config('work_mem', '1MB', false)"),
            ("options=--geqo%3Doff", "SELECT set_config('geqo', 'off', false)"),
            ("options[search_path]=it's", "SELECT set_config('search_path', 'it''s', false)"),
            ("options=-c%20a%3B%3D1", ""),
        ] {
            let (plain, sql) = statements(&format!("postgres://h/d?{query}&sslmode=require")).unwrap();
            assert_eq!(
                (plain.as_str(), sql.as_str()),
                ("postgres://h/d?sslmode=require", expected),
                "{query}"
            );
        }
    }
}
