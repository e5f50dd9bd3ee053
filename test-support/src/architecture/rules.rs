//! The table. A new room gets a row here before it gets a dependency.

/// A member of the workspace and what it may stand on.
#[derive(Debug)]
pub struct Room {
    /// Its package.
    pub name: &'static str,
    /// Packages of ours that it may use.
    pub may_use: &'static [&'static str],
    /// Packages of others that it must not name itself.
    pub never_directly: &'static [&'static str],
    /// Packages of others that must not be anywhere below it.
    pub never_below: &'static [&'static [&'static str]],
}

impl Room {
    pub(super) fn may_use(&self, package: &str) -> bool {
        self.may_use.contains(&package)
    }
}

/// Ours, and allowed to tests everywhere.
pub(super) const FOR_TESTS: &[&str] =
    &["less-sync-test-support", "less-sync-storage-conformance", "less-sync-client", "less-sync-history"];

const CORE: &str = "less-sync-core";
const AUTH: &str = "less-sync-auth";
const STORAGE: &str = "less-sync-storage";
const ENGINE: &str = "less-sync-engine";
const CLIENT: &str = "less-sync-client";
const HISTORY: &str = "less-sync-history";
const KEYSTORE: &str = "less-sync-keystore";
const BENCH: &str = "less-sync-bench";

/// What an edge may use.
const EDGE: &[&str] = &[CORE, AUTH, STORAGE, ENGINE];

/// Everything but the tests' things.
const ALL: &[&str] = &[
    CORE,
    AUTH,
    STORAGE,
    ENGINE,
    CLIENT,
    HISTORY,
    "less-sync-storage-sqlite",
    "less-sync-storage-postgres",
    "less-sync-storage-objects",
    "less-sync-realtime",
    "less-sync-api",
    "less-sync-app",
];

/// Whose synchronisation primitives need no socket.
const A_RUNTIME: &[&str] = &["tokio"];

const SQL: &[&str] = &["rusqlite", "libsqlite3-sys", "sqlx"];

const SOCKETS: &[&str] = &["mio", "socket2", "rustls"];

/// What speaks to clients.
const THE_WEB: &[&str] = &["hyper", "http", "axum", "reqwest", "tungstenite"];

const THE_WORLD: &[&[&str]] = &[A_RUNTIME, SOCKETS, THE_WEB, SQL];

/// Every room of the house.
pub const ROOMS: &[Room] = &[
    Room { name: CORE, may_use: &[], never_directly: &["serde_json", "anyhow"], never_below: THE_WORLD },
    Room { name: AUTH, may_use: &[CORE], never_directly: &["anyhow"], never_below: THE_WORLD },
    Room { name: STORAGE, may_use: &[CORE], never_directly: &["anyhow", "serde"], never_below: THE_WORLD },
    Room {
        name: "less-sync-storage-conformance",
        may_use: &[CORE, STORAGE],
        never_directly: &["anyhow", "serde"],
        never_below: &[SOCKETS, THE_WEB, SQL],
    },
    Room {
        name: "less-sync-storage-sqlite",
        may_use: &[CORE, STORAGE],
        never_directly: &["anyhow", "minicbor", "serde_json"],
        never_below: &[&["mio"], THE_WEB],
    },
    Room {
        name: "less-sync-storage-postgres",
        may_use: &[CORE, STORAGE],
        never_directly: &["anyhow", "minicbor", "serde_json"],
        never_below: &[THE_WEB],
    },
    Room {
        name: "less-sync-storage-objects",
        may_use: &[CORE, STORAGE],
        never_directly: &["anyhow", "minicbor", "serde_json"],
        never_below: &[&["axum", "tungstenite"], SQL],
    },
    Room {
        name: ENGINE,
        may_use: &[CORE, AUTH, STORAGE],
        never_directly: &["anyhow", "minicbor"],
        never_below: &[SOCKETS, THE_WEB, SQL],
    },
    Room { name: "less-sync-realtime", may_use: EDGE, never_directly: &["anyhow"], never_below: &[SQL] },
    Room {
        name: "less-sync-api",
        may_use: EDGE,
        never_directly: &["anyhow", "minicbor", "tokio-tungstenite"],
        never_below: &[SQL],
    },
    Room {
        name: CLIENT,
        may_use: &[CORE, AUTH],
        never_directly: &["anyhow"],
        never_below: &[&["axum"], SQL],
    },
    Room {
        name: "less-sync-app",
        may_use: ALL,
        never_directly: &["minicbor", "rusqlite", "sqlx"],
        never_below: &[],
    },
    Room { name: "less-sync-test-support", may_use: ALL, never_directly: &[], never_below: &[] },
    Room { name: "less-sync-server", may_use: &["less-sync-app"], never_directly: &[], never_below: &[] },
    Room { name: "less-sync-migrate", may_use: &["less-sync-app"], never_directly: &[], never_below: &[] },
    Room { name: HISTORY, may_use: &[CORE], never_directly: &["anyhow"], never_below: THE_WORLD },
    Room {
        name: KEYSTORE,
        may_use: &[CORE, AUTH, CLIENT],
        never_directly: &["anyhow", "tokio"],
        never_below: &[&["axum"], SQL],
    },
    Room { name: BENCH, may_use: &[CORE, AUTH, CLIENT], never_directly: &[], never_below: &[&["axum"], SQL] },
    Room {
        name: "less-sync",
        may_use: &[CORE, CLIENT, HISTORY, KEYSTORE, BENCH],
        never_directly: &[],
        never_below: &[&["axum"], SQL],
    },
];
