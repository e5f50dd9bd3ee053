//! Table of allowed dependencies. A new crate gets a row here before it gets a dependency.

/// A workspace member and its allowed dependencies.
#[derive(Debug)]
pub struct CrateRule {
    /// Package name.
    pub name: &'static str,
    /// Workspace packages that it may use.
    pub may_use: &'static [&'static str],
    /// External packages that it must not depend on directly.
    pub never_directly: &'static [&'static str],
    /// External packages that it must not depend on, directly or transitively.
    pub never_below: &'static [&'static [&'static str]],
}

impl CrateRule {
    pub(super) fn may_use(&self, package: &str) -> bool {
        self.may_use.contains(&package)
    }
}

/// Workspace packages allowed as dev-dependencies everywhere.
pub(super) const FOR_TESTS: &[&str] =
    &[CORE, CLIENT, HISTORY, "less-sync-test-support", "less-sync-storage-conformance"];

const CORE: &str = "less-sync-core";
const DISK: &str = "less-sync-disk";
const PROCESS: &str = "less-sync-process";
const DOCTOR: &str = "less-sync-doctor";
const AUTH: &str = "less-sync-auth";
const METRICS: &str = "less-sync-metrics";
const STORAGE: &str = "less-sync-storage";
const ENGINE: &str = "less-sync-engine";
const CLIENT: &str = "less-sync-client";
const HISTORY: &str = "less-sync-history";
const KEYSTORE: &str = "less-sync-keystore";
const BENCH: &str = "less-sync-bench";
const MANUAL: &str = "less-sync-manual";
const FEDERATION: &str = "less-sync-federation";
const ISSUER: &str = "less-sync-issuer";
const BUS: &str = "less-sync-bus";

/// Workspace packages that an edge may use.
const EDGE: &[&str] = &[CORE, AUTH, METRICS, STORAGE, ENGINE];

/// All workspace packages but those for tests.
const ALL: &[&str] = &[
    CORE,
    DISK,
    PROCESS,
    DOCTOR,
    AUTH,
    METRICS,
    STORAGE,
    ENGINE,
    CLIENT,
    HISTORY,
    "less-sync-storage-sqlite",
    "less-sync-storage-postgres",
    "less-sync-storage-objects",
    "less-sync-realtime",
    "less-sync-api",
    FEDERATION,
    MANUAL,
    ISSUER,
    BUS,
    "less-sync-app",
];

/// Async runtimes. Crates that may use one need its synchronization primitives, not its sockets.
const RUNTIMES: &[&str] = &["tokio"];

const SQL: &[&str] = &["rusqlite", "libsqlite3-sys", "sqlx"];

const SOCKETS: &[&str] = &["mio", "socket2", "rustls"];

/// HTTP and WebSocket libraries.
const HTTP: &[&str] = &["hyper", "http", "axum", "reqwest", "tungstenite"];

const IO: &[&[&str]] = &[RUNTIMES, SOCKETS, HTTP, SQL];

/// All crates of the workspace.
pub const CRATES: &[CrateRule] = &[
    CrateRule { name: CORE, may_use: &[], never_directly: &["serde_json", "anyhow"], never_below: IO },
    CrateRule { name: DISK, may_use: &[], never_directly: &["anyhow"], never_below: IO },
    CrateRule { name: PROCESS, may_use: &[], never_directly: &["anyhow"], never_below: &[HTTP, SQL] },
    CrateRule { name: DOCTOR, may_use: &[], never_directly: &["anyhow"], never_below: &[SOCKETS, HTTP, SQL] },
    CrateRule { name: AUTH, may_use: &[CORE], never_directly: &["anyhow"], never_below: IO },
    CrateRule { name: METRICS, may_use: &[], never_directly: &["anyhow"], never_below: IO },
    CrateRule { name: STORAGE, may_use: &[CORE], never_directly: &["anyhow", "serde"], never_below: IO },
    CrateRule {
        name: "less-sync-storage-conformance",
        may_use: &[CORE, STORAGE],
        never_directly: &["anyhow", "serde"],
        never_below: &[SOCKETS, HTTP, SQL],
    },
    CrateRule {
        name: "less-sync-storage-sqlite",
        may_use: &[CORE, DISK, METRICS, STORAGE],
        never_directly: &["anyhow", "minicbor", "rand", "serde_json"],
        never_below: &[&["mio"], HTTP],
    },
    CrateRule {
        name: "less-sync-storage-postgres",
        may_use: &[CORE, METRICS, STORAGE],
        never_directly: &["anyhow", "minicbor", "rand", "serde_json"],
        never_below: &[HTTP],
    },
    CrateRule {
        name: "less-sync-storage-objects",
        may_use: &[CORE, DISK, METRICS, STORAGE],
        never_directly: &["anyhow", "minicbor", "rand", "serde_json"],
        never_below: &[&["axum", "tungstenite"], SQL],
    },
    CrateRule {
        name: ENGINE,
        may_use: &[CORE, AUTH, METRICS, STORAGE],
        never_directly: &["anyhow", "minicbor", "rand"],
        never_below: &[SOCKETS, HTTP, SQL],
    },
    CrateRule {
        name: "less-sync-realtime",
        may_use: EDGE,
        never_directly: &["anyhow", "rand"],
        never_below: &[SQL],
    },
    CrateRule {
        name: "less-sync-api",
        may_use: EDGE,
        never_directly: &["anyhow", "minicbor", "rand", "tokio-tungstenite"],
        never_below: &[SQL],
    },
    CrateRule {
        name: FEDERATION,
        may_use: &[CORE, AUTH, METRICS, STORAGE, ENGINE, "less-sync-realtime"],
        never_directly: &["anyhow", "minicbor", "rand"],
        never_below: &[SQL],
    },
    CrateRule {
        name: BUS,
        // The connection for notifications is that of the database adapter; the bus contains no SQL.
        may_use: &[CORE, METRICS, ENGINE, "less-sync-storage-postgres"],
        never_directly: &["anyhow", "minicbor", "rand", "serde_json", "sqlx"],
        never_below: &[&["axum"]],
    },
    CrateRule {
        name: ISSUER,
        may_use: &[CORE, DISK, AUTH, ENGINE],
        never_directly: &["anyhow"],
        never_below: &[SQL],
    },
    CrateRule {
        name: CLIENT,
        may_use: &[CORE, AUTH],
        never_directly: &["anyhow"],
        never_below: &[&["axum"], SQL],
    },
    CrateRule {
        name: "less-sync-app",
        may_use: ALL,
        never_directly: &["minicbor", "rusqlite", "sqlx"],
        never_below: &[],
    },
    CrateRule { name: "less-sync-test-support", may_use: ALL, never_directly: &[], never_below: &[] },
    CrateRule {
        name: "less-sync-server",
        may_use: &["less-sync-app"],
        never_directly: &[],
        never_below: &[],
    },
    CrateRule {
        name: "less-sync-migrate",
        may_use: &["less-sync-app"],
        never_directly: &[],
        never_below: &[],
    },
    CrateRule {
        name: "less-sync-federation-keygen",
        may_use: &["less-sync-app"],
        never_directly: &[],
        never_below: &[],
    },
    CrateRule { name: MANUAL, may_use: &[], never_directly: &["anyhow"], never_below: IO },
    CrateRule { name: HISTORY, may_use: &[], never_directly: &["anyhow"], never_below: IO },
    CrateRule {
        name: KEYSTORE,
        may_use: &[CORE, DISK, AUTH, CLIENT],
        never_directly: &["anyhow", "tokio"],
        never_below: &[&["axum"], SQL],
    },
    CrateRule {
        name: BENCH,
        may_use: &[CORE, AUTH, CLIENT],
        never_directly: &[],
        never_below: &[&["axum"], SQL],
    },
    CrateRule {
        name: "less-sync",
        may_use: &[CORE, DISK, PROCESS, DOCTOR, CLIENT, HISTORY, KEYSTORE, BENCH, MANUAL],
        never_directly: &[],
        never_below: &[&["axum"], SQL],
    },
];
