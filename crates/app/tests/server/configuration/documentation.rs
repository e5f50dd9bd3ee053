//! Documented settings and defaults match those of the server.

use less_sync_app::config::{Config, IssuerConfig, Sources, Values};

const DOCUMENT: &str = include_str!("../../../../../docs/configuration.md");

/// Heading of the settings that only the issuer has.
const ISSUER: &str = "\n## Issuer\n";

/// Name and default of every row of the tables.
fn documented(document: &str) -> Vec<(String, String)> {
    let rows = document.lines().filter(|line| line.starts_with("| `"));
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
    let (mut documented, mut effective) = (documented(DOCUMENT.split(ISSUER).next().unwrap()), effective());
    documented.sort();
    effective.sort();
    assert_eq!(documented, effective);
}

#[test]
fn every_setting_of_the_issuer_is_documented_with_its_default() {
    let environment: Values = [("ISSUER_URL".to_owned(), "https://id.example.com".to_owned())].into();
    let config = IssuerConfig::read(&Sources::from_environment(environment)).unwrap();
    let show = |(name, value): &(&str, String)| {
        let value = if *name == "ISSUER_URL" { "required".to_owned() } else { value.clone() };
        ((*name).to_owned(), value)
    };
    // The listener of the server is another one.
    let (mut effective, mut documented): (Vec<_>, _) = (
        config.effective().iter().map(show).filter(|(name, _)| name != "LISTEN_ADDR").collect(),
        documented(DOCUMENT),
    );
    let is_of_issuer = |name: &str| effective.iter().any(|(known, _)| known == name);
    documented.retain(|(name, _)| is_of_issuer(name));
    documented.sort();
    effective.sort();
    assert_eq!(documented, effective);
    assert_eq!(
        DOCUMENT.split(ISSUER).nth(1).unwrap().lines().filter(|line| line.starts_with("| `")).count(),
        6
    );
}

#[test]
fn server_and_issuer_share_an_environment() {
    let values = |pairs: &[(&str, &str)]| -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let shared = values(&[
        ("DATABASE_URL", "sqlite:x.db"),
        ("FILE_STORAGE", "none"),
        ("TRUSTED_ISSUERS", "https://id.example.com"),
        ("AUDIENCES", "less-sync"),
        ("ISSUER_URL", "https://id.example.com"),
        ("ISSUER_ADRR", ":1"),
    ]);
    let sources = Sources::from_environment(shared);
    for warnings in [Config::read(&sources).unwrap().warnings, IssuerConfig::read(&sources).unwrap().warnings]
    {
        let unknown: Vec<_> = warnings.iter().filter(|warning| warning.contains("unknown")).collect();
        assert_eq!(
            unknown,
            ["unknown variable ISSUER_ADRR has no effect; the nearest known name is ISSUER_ADDR"]
        );
    }
}
