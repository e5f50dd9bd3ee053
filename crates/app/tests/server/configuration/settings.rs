//! Configuration: the rows of operations §2 and §15.

use std::path::PathBuf;
use std::time::Duration;

use less_sync_api::CorsOrigins;
use less_sync_app::config::{DatabaseConfig, DidIssuers};
use less_sync_app::{Config, Sources, Values};
use less_sync_auth::PersonalSpaceMode;
use less_sync_storage_postgres::PostgresOptions;
use less_sync_storage_sqlite::SqliteOptions;

/// Required settings.
const REQUIRED: [(&str, &str); 3] = [
    ("DATABASE_URL", "sqlite:/var/lib/less-sync/sync.db"),
    ("TRUSTED_ISSUERS", "https://accounts.example.com"),
    ("AUDIENCES", "less-sync"),
];

fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn sources(extra: &[(&str, &str)]) -> Sources {
    let mut environment = values(&REQUIRED);
    environment.extend(values(extra));
    Sources::from_environment(environment)
}

pub(super) fn config(extra: &[(&str, &str)]) -> Config {
    Config::read(&sources(extra)).unwrap()
}

/// All problems of a configuration that has the required settings and these.
pub(super) fn problems(extra: &[(&str, &str)]) -> Vec<String> {
    Config::read(&sources(extra)).map_or_else(|invalid| invalid.problems, |_| Vec::new())
}

pub(super) fn effective(config: &Config, name: &str) -> String {
    config.effective().iter().find(|(known, _)| *known == name).unwrap().1.clone()
}

fn sqlite(config: &Config) -> &SqliteOptions {
    match &config.database {
        DatabaseConfig::Sqlite(options) => options,
        DatabaseConfig::Postgres(_) => panic!("a file was asked for"),
    }
}

fn postgres(settings: &[(&str, &str)]) -> PostgresOptions {
    let url = ("DATABASE_URL", "postgres://less:secret@db.example.com/less");
    match config(&[&[url], settings].concat()).database {
        DatabaseConfig::Postgres(options) => *options,
        DatabaseConfig::Sqlite(_) => panic!("a server was asked for"),
    }
}

/// Operations §2.3.
#[test]
fn a_database_server_has_the_documented_settings() {
    let options = postgres(&[]);
    let defaults = PostgresOptions::new("postgres://less:secret@db.example.com/less".parse().unwrap());
    assert_eq!(format!("{options:?}"), format!("{defaults:?}"));
    assert!(!format!("{options:?}").contains("secret"), "{options:?}");
    let options = postgres(&[
        ("DATABASE_MAX_CONNECTIONS", "40"),
        ("DATABASE_MIN_CONNECTIONS", "7"),
        ("DATABASE_ACQUIRE_TIMEOUT_MS", "1"),
        ("DATABASE_CONNECT_TIMEOUT_MS", "2"),
        ("DATABASE_STARTUP_WAIT", "3s"),
        ("DATABASE_STATEMENT_TIMEOUT_MS", "4"),
        ("DATABASE_LOCK_TIMEOUT_MS", "0"),
        ("DATABASE_STATEMENT_CACHE", "0"),
        ("DATABASE_MIGRATION_URL", "postgres://direct.example.com/less"),
        ("DATABASE_DIALECT", "citus"),
        ("RUN_MIGRATIONS", "false"),
        ("PULL_PAGE_ROWS", "5"),
        ("PULL_PAGE_BYTES", "6 KiB"),
    ]);
    assert_eq!((options.max_connections, options.min_connections), (40, 7));
    assert_eq!(options.acquire_timeout, Duration::from_millis(1));
    assert_eq!(options.connect_timeout, Duration::from_millis(2));
    assert_eq!(options.startup_wait, Duration::from_secs(3));
    assert_eq!(options.statement_timeout, Duration::from_millis(4));
    assert_eq!((options.lock_timeout, options.statement_cache), (Duration::ZERO, 0));
    assert!(options.migration_url.is_some() && !options.batching && !options.run_migrations);
    assert_eq!((options.page_rows, options.page_bytes), (5, 6 * 1024));
}

/// operations §15 "default listen address; default key-set URL of an issuer".
#[test]
fn a_minimal_configuration_has_the_documented_defaults() {
    let config = config(&[]);
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:5379");
    assert_eq!(config.server.cors, CorsOrigins::Any);
    assert_eq!(config.server.shutdown_grace, Duration::from_secs(25));
    let sqlite = sqlite(&config);
    assert_eq!(sqlite.path, PathBuf::from("/var/lib/less-sync/sync.db"));
    assert_eq!((sqlite.page_rows, sqlite.page_bytes), (512, 512 * 1024));
    assert_eq!(config.tokens.rules.leeway, Duration::from_mins(1));
    assert_eq!(config.tokens.rules.max_lifetime, Some(Duration::from_hours(24)));
    assert_eq!(config.tokens.rules.personal_space.mode, PersonalSpaceMode::Derive);
    assert_eq!(config.tokens.keys_fresh_for, Duration::from_hours(1));
    assert_eq!(config.tokens.keys_stale_for, Duration::from_hours(24));
    assert_eq!(config.limits.engine.push_limits.blob, 5_242_880);
    assert_eq!(config.limits.engine.push_limits.records, 5_000);
    assert_eq!(config.limits.engine.push_limits.bytes, 500 * 1024 * 1024);
    assert_eq!(config.limits.engine.spaces_per_day, 200);
    assert_eq!(config.logging.filter, "info");
    assert_eq!(config.warnings, Vec::<String>::new());
}

/// The knobs of protocol §11 and newer-clients §5, with their defaults.
#[test]
fn every_knob_of_the_endpoint_can_be_set() {
    let knobs = [
        ("WS_AUTH_TIMEOUT", "5s", "7"),
        ("WS_AUTH_VALIDATION_TIMEOUT", "10s", "9s"),
        ("WS_KEEPALIVE_INTERVAL", "30s", "20s"),
        ("WS_IDLE_TIMEOUT", "75s", "0"),
        ("WS_WRITE_TIMEOUT", "30s", "10s"),
        ("WS_CLOSE_TIMEOUT", "10s", "30s"),
        ("WS_MAX_LIFETIME", "3600s", "2h"),
        ("WS_LIFETIME_JITTER", "10", "0"),
        ("WS_EXPIRY_CLOSE_CODE", "1001", "4001"),
        ("WS_MAX_INBOUND_MESSAGE", "8 MiB", "4MiB"),
        ("WS_MAX_OUTBOUND_MESSAGE", "8 MiB", "4194304"),
        ("WS_REPLY_QUEUE", "64", "32"),
        ("WS_EVENT_QUEUE", "256", "512"),
        ("WS_EPHEMERAL_QUEUE", "128", "64"),
        ("WS_MAX_CONNECTIONS_PER_MAILBOX", "10", "3"),
        ("WS_MAX_CONNECTIONS_PER_ACTOR", "30", "15"),
        ("WS_MAX_CONNECTIONS_TOTAL", "10000", "100"),
        ("WS_MAX_UNAUTHENTICATED_PER_ADDRESS", "32", "1000"),
        ("WS_INBOUND_MEMORY", "unset", "64 MiB"),
        ("WS_INBOUND_RATE", "50000", "100"),
        ("WS_INBOUND_BURST", "100000", "500"),
        ("WS_EPHEMERAL_RATE", "25000", "30"),
        ("WS_EPHEMERAL_BURST", "50000", "60"),
        ("WS_PRESENCE_MAX_DATA", "1024", "512"),
        ("WS_PRESENCE_PER_SPACE", "100", "10"),
        ("WS_PRESENCE_STALE", "45s", "60s"),
        ("WS_PRESENCE_SWEEP", "15s", "5s"),
        ("WS_EVENT_MAX_DATA", "4096", "1024"),
        ("WS_INVITATION_NOTICE_DELAY", "1s-5s", "500ms - 2s"),
        ("WS_INVITATION_TTL", "604800s", "24h"),
        ("WS_SHUTDOWN_DRAIN", "10s", "1s"),
        ("WS_SHUTDOWN_SPREAD", "5s", "250ms"),
    ];
    let defaults = config(&[]);
    let changed = config(&knobs.map(|(name, _, value)| (name, value)));
    for (name, default, _) in knobs {
        assert_eq!(effective(&defaults, name), default, "{name}");
        assert_ne!(effective(&changed, name), default, "{name}");
    }
    let limits = &changed.limits.realtime;
    assert_eq!(limits.auth_timeout, Duration::from_secs(7));
    assert_eq!(limits.idle_timeout, Duration::ZERO);
    assert_eq!(limits.max_inbound_message, 4 * 1024 * 1024);
    assert_eq!(limits.shutdown_spread, Duration::from_millis(250));
    assert_eq!(limits.inbound_memory, 64 * 1024 * 1024);
    assert_eq!(limits.invitation_notice_delay, Duration::from_millis(500)..=Duration::from_secs(2));
    assert_eq!(changed.limits.engine.mailbox_limits.lifetime, Duration::from_hours(24));
    let default = defaults.limits.realtime.inbound_memory;
    assert!((64 << 20..=512 << 20).contains(&default), "{default}");
    assert!(limits.legacy_expiry_close);
}

#[test]
fn blob_limit_fits_incoming_messages() {
    let config = config(&[("WS_MAX_INBOUND_MESSAGE", "4MiB")]);
    assert_eq!(config.limits.engine.push_limits.blob, 4 * 1024 * 1024 - 16 * 1024);
    assert_eq!(effective(&config, "MAX_RECORD_BLOB_SIZE"), "4080 KiB");
}

#[test]
fn blob_limit_fits_outgoing_messages() {
    let config = config(&[("WS_MAX_OUTBOUND_MESSAGE", "4MiB")]);
    assert_eq!(config.limits.engine.push_limits.blob, 4 * 1024 * 1024 - 16 * 1024);
    assert_eq!(effective(&config, "MAX_RECORD_BLOB_SIZE"), "4080 KiB");
}

#[test]
fn the_leeway_of_tokens_is_that_of_connections() {
    let config = config(&[("JWT_LEEWAY_SECONDS", "5")]);
    assert_eq!(config.tokens.rules.leeway, Duration::from_secs(5));
    assert_eq!(config.limits.realtime.token_leeway, Duration::from_secs(5));
}

/// operations §15 "database URL missing", "issuers missing"; blank counts as unset.
#[test]
fn all_problems_are_reported_together() {
    let environment = values(&[
        ("LISTEN_ADDR", "nowhere"),
        ("DATABASE_URL", "  "),
        ("AUDIENCES", "a"),
        ("JWT_LEEWAY_SECONDS", "301"),
        ("WS_AUTH_TIMEOUT", "soon"),
        ("FILE_STORAGE_PROBE", "maybe"),
    ]);
    let invalid = Config::read(&Sources::from_environment(environment)).unwrap_err();
    assert_eq!(
        invalid.problems,
        [
            "invalid LISTEN_ADDR \"nowhere\"",
            "DATABASE_URL must be set",
            "invalid FILE_STORAGE_PROBE value \"maybe\": expected true or false",
            "TRUSTED_ISSUERS must be set",
            "invalid JWT_LEEWAY_SECONDS value \"301\": expected 0s to 300s",
            "invalid WS_AUTH_TIMEOUT value \"soon\": expected 1s to 60s",
        ]
    );
    assert_eq!(
        invalid.to_string().lines().take(2).collect::<Vec<_>>(),
        ["invalid configuration", "  invalid LISTEN_ADDR \"nowhere\""]
    );
}

/// Invalid values and their exact error texts.
#[test]
fn every_problem_has_its_text() {
    let cases = [
        ("LISTEN_ADDR", "localhost", "invalid LISTEN_ADDR \"localhost\""),
        (
            "DATABASE_URL",
            "mysql://me:hush@x",
            "DATABASE_URL has an unsupported database scheme mysql://: expected sqlite:PATH or postgres://USER@HOST/DATABASE",
        ),
        (
            "DATABASE_URL",
            "postgres://user:secret@host:port/db",
            "invalid DATABASE_URL: expected postgres://USER:PASSWORD@HOST/DATABASE",
        ),
        ("DATABASE_MAX_CONNECTIONS", "2", "invalid DATABASE_MAX_CONNECTIONS value \"2\": expected 3 to 500"),
        (
            "DATABASE_DIALECT",
            "oracle",
            "invalid DATABASE_DIALECT value \"oracle\": expected auto, postgres, citus, cockroach or yugabyte",
        ),
        ("DATABASE_URL", "sqlite::memory:", "invalid DATABASE_URL: expected sqlite: and the path of a file"),
        ("DATABASE_URL", "sqlite:", "invalid DATABASE_URL: expected sqlite: and the path of a file"),
        (
            "TRUSTED_ISSUERS",
            "accounts.example.com",
            "invalid issuer URL \"accounts.example.com\": relative URL without a base",
        ),
        (
            "TRUSTED_ISSUERS",
            "https://a.example=ftp://a.example/keys",
            "invalid jwks_url URL \"ftp://a.example/keys\": scheme must be http or https",
        ),
        (
            "TRUSTED_ISSUERS",
            "https://a.example https://a.example/",
            "TRUSTED_ISSUERS names issuer \"https://a.example\" twice",
        ),
        ("PERSONAL_SPACE_MODE", "trust", "invalid PERSONAL_SPACE_MODE \"trust\": expected derive or claim"),
        ("DID_ISSUERS", "last", "invalid DID_ISSUERS value \"last\": expected any or first"),
        (
            "PERSONAL_SPACE_NAMESPACES",
            "less.so,,",
            "invalid PERSONAL_SPACE_NAMESPACES entry \"\": expected a DNS name or uuid:<uuid>",
        ),
        ("JWKS_MAX_STALE_SECONDS", "60", "JWKS_MAX_STALE_SECONDS must not be less than JWKS_REFRESH_SECONDS"),
        (
            "CORS_ALLOWED_ORIGINS",
            "https://app.example/",
            "invalid CORS_ALLOWED_ORIGINS entry \"https://app.example/\": expected scheme://host, null or *",
        ),
        (
            "TRUSTED_PROXIES",
            "10.0.0.0/33",
            "invalid TRUSTED_PROXIES entry \"10.0.0.0/33\": expected an address or a network",
        ),
        ("LOG_FORMAT", "xml", "invalid LOG_FORMAT value \"xml\": expected text or json"),
        ("WS_IDLE_TIMEOUT", "20s", "WS_IDLE_TIMEOUT must be 0 or more than WS_KEEPALIVE_INTERVAL"),
        (
            "WS_EXPIRY_CLOSE_CODE",
            "1000",
            "invalid WS_EXPIRY_CLOSE_CODE value \"1000\": expected 1001 or 4001",
        ),
        (
            "WS_MAX_INBOUND_MESSAGE",
            "65MiB",
            "invalid WS_MAX_INBOUND_MESSAGE value \"65MiB\": expected 1 MiB to 64 MiB",
        ),
        ("MAX_PUSH_RECORDS", "0", "invalid MAX_PUSH_RECORDS value \"0\": expected 1 to 1000000"),
    ];
    for (name, value, expected) in cases {
        assert_eq!(problems(&[(name, value)]), [expected], "{name}={value}");
    }
    let filter = problems(&[("RUST_LOG", "less_sync=loud")]);
    assert!(
        filter.len() == 1 && filter[0].starts_with("invalid RUST_LOG value \"less_sync=loud\": "),
        "{filter:?}"
    );
}

/// operations §15 "explicit key-set URL".
#[test]
fn issuers_may_name_their_key_sets() {
    let text = "https://a.example/=http://keys:5377/jwks http://localhost:25387//";
    let config = config(&[("TRUSTED_ISSUERS", text)]);
    let issuers: Vec<_> =
        config.tokens.issuers.iter().map(|issuer| (issuer.issuer(), issuer.key_set_url().as_str())).collect();
    assert_eq!(
        issuers,
        [
            ("https://a.example", "http://keys:5377/jwks"),
            ("http://localhost:25387", "http://localhost:25387/.well-known/jwks.json"),
        ]
    );
    assert_eq!(config.warnings, Vec::<String>::new(), "neither leaves the local network");
}

/// operations §15 "audiences list with blanks".
#[test]
fn blank_audiences_are_dropped() {
    let config = config(&[("AUDIENCES", " less-sync ,, betterbase-sync ,")]);
    assert_eq!(config.tokens.rules.audiences, ["less-sync", "betterbase-sync"]);
}

#[test]
fn dubious_settings_are_warned_of() {
    let cases = [
        ("AUDIENCES", "", "AUDIENCES is not set: tokens for any audience are accepted"),
        (
            "TRUSTED_ISSUERS",
            "http://accounts.example.com",
            "keys of issuer \"http://accounts.example.com\" are fetched over plain http",
        ),
        (
            "PERSONAL_SPACE_MODE",
            "claim",
            "PERSONAL_SPACE_MODE=claim lets every trusted issuer name any space as its user's own",
        ),
        ("HEALTH_DETAILS", "yes", "HEALTH_DETAILS is not supported by this version and has no effect"),
        ("ADMIN_TOKEN", "a-token-of-the-operator", "ADMIN_TOKEN has no effect without ADMIN_ADDR"),
        (
            "ACCOUNTS_URL",
            "https://accounts.example.com",
            "public metadata are not served: DISCOVERY_IDENTITY_DOMAIN, PUBLIC_SYNC_URL and ACCOUNTS_URL are required",
        ),
        (
            "DATABASE_ULR",
            "x",
            "unknown variable DATABASE_ULR has no effect; the nearest known name is DATABASE_URL",
        ),
    ];
    for (name, value, expected) in cases {
        assert_eq!(config(&[(name, value)]).warnings, [expected], "{name}={value}");
    }
}

#[test]
fn flags_beat_the_environment_which_beats_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("less-sync.toml");
    std::fs::write(&path, "listen_addr = \":1\"\nshutdown_grace_secs = 7\nws_reply_queue = 99\n").unwrap();
    let mut sources = sources(&[("LISTEN_ADDR", ":2"), ("WS_REPLY_QUEUE", "98")]);
    sources.add_file(&path).unwrap();
    let from_environment = Config::read(&sources).unwrap();
    assert_eq!(from_environment.server.listen.port, 2);
    assert_eq!(from_environment.server.shutdown_grace, Duration::from_secs(7));
    assert_eq!(from_environment.limits.realtime.reply_queue, 98);
    sources.flags.insert("LISTEN_ADDR".to_owned(), ":3".to_owned());
    assert_eq!(Config::read(&sources).unwrap().server.listen.port, 3);
}

#[test]
fn an_unknown_entry_of_the_file_is_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("less-sync.toml");
    std::fs::write(&path, "listen_adr = \":1\"\n").unwrap();
    let mut sources = sources(&[]);
    sources.add_file(&path).unwrap();
    let invalid = Config::read(&sources).unwrap_err();
    assert_eq!(
        invalid.to_string(),
        "unknown name listen_adr in the config file; the nearest known name is listen_addr"
    );
}

#[test]
fn list_of_issuers_with_commas_is_rejected() {
    for list in ["https://a.example,https://b.example", "https://a.example, https://b.example"] {
        let expected = "TRUSTED_ISSUERS is a list separated by spaces, not by commas";
        assert_eq!(problems(&[("TRUSTED_ISSUERS", list)]), [expected]);
    }
}

#[test]
fn values_can_come_from_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("issuers");
    std::fs::write(&path, "https://from.file.example\n").unwrap();
    let mut environment = values(&REQUIRED);
    environment.remove("TRUSTED_ISSUERS");
    environment.insert("TRUSTED_ISSUERS_FILE".to_owned(), path.display().to_string());
    let config = Config::read(&Sources::from_environment(environment)).unwrap();
    assert_eq!(config.tokens.issuers[0].issuer(), "https://from.file.example");
    let both = problems(&[("TRUSTED_ISSUERS_FILE", path.to_str().unwrap())]);
    assert_eq!(both[0], "both TRUSTED_ISSUERS and TRUSTED_ISSUERS_FILE are set");
}

#[test]
fn development_mode_needs_no_settings_and_listens_on_loopback() {
    let develop = |environment: &[(&str, &str)]| {
        let mut sources = Sources::from_environment(values(environment));
        sources.set_development(std::path::Path::new("./.less-sync"));
        Config::read(&sources)
    };
    let config = develop(&[]).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:5379");
    assert_eq!(sqlite(&config).path, PathBuf::from("./.less-sync/less-sync.db"));
    assert_eq!(config.warnings, Vec::<String>::new());
    // The database of a shell is not the one to develop on, and nothing of it is shown.
    let elsewhere = [
        ("DATABASE_URL", "postgres://u:secret@db/prod"),
        ("DATABASE_MIGRATION_URL", "postgres://u:secret@db/prod"),
    ];
    let config = develop(&elsewhere).unwrap();
    assert_eq!(sqlite(&config).path, PathBuf::from("./.less-sync/less-sync.db"));
    let ignored = |name: &str| format!("{name} of the environment is ignored by --dev: give --database");
    assert_eq!(config.warnings, ["DATABASE_URL", "DATABASE_MIGRATION_URL"].map(ignored));
    assert!(develop(&[("LISTEN_ADDR", "[::1]:0")]).is_ok());
    let exposed = develop(&[("LISTEN_ADDR", ":5379")]).unwrap_err();
    assert_eq!(exposed.to_string(), "--dev allows loopback addresses only, not 0.0.0.0:5379");
    let trusting = develop(&[("TRUSTED_ISSUERS", "https://accounts.example.com")]).unwrap_err();
    assert_eq!(
        trusting.to_string(),
        "TRUSTED_ISSUERS must not be set with --dev, which uses a built-in issuer"
    );
}

/// Secrets are never shown: the address of a database may contain a password.
#[test]
fn printed_configuration_can_be_read_back() {
    let config = config(&[("WS_SHUTDOWN_SPREAD", "250ms"), ("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1")]);
    let shown: Vec<(&str, &str)> = config
        .effective()
        .iter()
        .filter(|(_, value)| value != "unset")
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let again = Config::read(&Sources::from_environment(values(&shown))).unwrap();
    assert_eq!(again.effective(), config.effective());
}

/// Vectors `identity_hash_key_setting`; S-11: the key is in no output.
#[test]
fn identity_hash_key_is_32_bytes_in_hex_and_not_shown() {
    const NAME: &str = "IDENTITY_HASH_KEY";
    let key = "0f".repeat(32);
    for value in [&key, &key.to_uppercase(), &format!(" {key} ")] {
        let config = config(&[(NAME, value)]);
        assert!(config.identity.hash_key.is_some());
        assert_eq!(effective(&config, NAME), "set");
        assert!(!format!("{config:?}").contains(&key));
    }
    for value in ["", "  "] {
        let config = config(&[(NAME, value)]);
        assert!(config.identity.hash_key.is_none());
        assert_eq!(effective(&config, NAME), "unset");
    }
    assert_eq!(problems(&[(NAME, "not-hex")]), ["IDENTITY_HASH_KEY must be valid hex"]);
    let short = "IDENTITY_HASH_KEY must be 64 hex characters (32 bytes), got 16 bytes";
    assert_eq!(problems(&[(NAME, &key[..32])]), [short]);
}

/// Auth §2.7.
#[test]
fn dids_belong_to_their_first_issuer_where_there_are_several() {
    let several = ("TRUSTED_ISSUERS", "https://a.example https://b.example");
    let mode = |settings: &[(&str, &str)]| {
        let config = config(settings);
        (config.tokens.did_issuers, effective(&config, "DID_ISSUERS"), config.warnings)
    };
    assert_eq!(mode(&[]), (DidIssuers::Any, "any".to_owned(), vec![]));
    assert_eq!(mode(&[several]), (DidIssuers::First, "first".to_owned(), vec![]));
    assert_eq!(mode(&[("DID_ISSUERS", "first")]), (DidIssuers::First, "first".to_owned(), vec![]));
    let warning = "DID_ISSUERS=any lets every trusted issuer name any user's DID and mailbox as its own";
    let any = (DidIssuers::Any, "any".to_owned(), vec![warning.to_owned()]);
    assert_eq!(mode(&[several, ("DID_ISSUERS", "any")]), any);
}
