//! Documented settings and defaults match those of the server.

use less_sync_app::config::{Config, Sources, Values};

const DOCUMENT: &str = include_str!("../../../../../docs/configuration.md");

/// Name and default of every row of the tables.
fn documented() -> Vec<(String, String)> {
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| `"));
    let cell =
        |row: &str, index| row.split(" | ").nth(index).unwrap().trim_matches(['|', ' ', '`']).to_owned();
    rows.map(|row| (cell(row, 0), cell(row, 1))).collect()
}

fn effective() -> Vec<(String, String)> {
    let required = [("DATABASE_URL", "sqlite:x.db"), ("TRUSTED_ISSUERS", "https://accounts.example.com")];
    let environment: Values = required.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let config = Config::read(&Sources::from_environment(environment)).unwrap();
    let show = |(name, value): &(&str, String)| {
        let is_required = required.iter().any(|(required, _)| required == name);
        ((*name).to_owned(), if is_required { "required".to_owned() } else { value.clone() })
    };
    config.effective().iter().map(show).collect()
}

#[test]
fn every_setting_is_documented_with_its_default() {
    let (mut documented, mut effective) = (documented(), effective());
    documented.sort();
    effective.sort();
    assert_eq!(documented, effective);
}
