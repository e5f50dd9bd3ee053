//! Settings of quotas.

use less_sync_app::config::DatabaseConfig;
use less_sync_storage::Quotas;

use super::settings::{config, problems};

/// Operations §2.4.
#[test]
fn quotas_are_off_unless_set_and_that_of_users_needs_a_key() {
    let quotas = |settings: &[(&str, &str)]| match config(settings).database {
        DatabaseConfig::Sqlite(options) => options.quotas,
        DatabaseConfig::Postgres(options) => options.quotas,
    };
    assert_eq!(quotas(&[]), Quotas::default());
    assert!(!config(&[]).limits.engine.records_owners);
    let key = ("IDENTITY_HASH_KEY", "0f".repeat(32));
    let both = [("MAX_SPACE_BYTES", "5 GiB"), ("MAX_USER_BYTES", "1 MiB"), (key.0, key.1.as_str())];
    for url in ["sqlite:x.db", "postgres://sync@localhost/sync"] {
        let settings = [&both[..], &[("DATABASE_URL", url)]].concat();
        assert_eq!(quotas(&settings), Quotas { space: Some(5 << 30), user: Some(1 << 20) }, "{url}");
        assert!(config(&settings).limits.engine.records_owners);
    }
    assert_eq!(problems(&both[1..2]), ["MAX_USER_BYTES needs IDENTITY_HASH_KEY"]);
    for value in ["0", "1048575", "2000000 GiB", "much"] {
        let found = problems(&[("MAX_SPACE_BYTES", value)]);
        assert!(found[0].starts_with("invalid MAX_SPACE_BYTES value"), "{found:?}");
    }
}
