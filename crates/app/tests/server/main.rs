//! End-to-end tests: a server on a free port, real clients, a real database.
//!
//! One binary, since every test binary links the whole server again. A folder is an area.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code may panic"
)]

mod rpc_error;

/// Settings and their documentation (operations §2, §15).
mod configuration {
    mod admin;
    mod documentation;
    #[cfg(feature = "federation")]
    mod federation;
    mod files;
    #[cfg(feature = "nats")]
    mod nodes;
    mod quotas;
    mod settings;
}

/// A connection from the upgrade to its end (protocol §1, §2).
mod connection {
    mod backpressure;
    mod bad_chains;
    mod devices;
    mod frames;
    mod handshake;
    mod hostile;
    mod liveness;
    mod slow_consumers;
    mod stalled_pulls;
    mod texts;
    mod token_refresh;
    mod upgrade;
    mod vectors;
}

/// Subscriptions, live events and presence (protocol §4.2, §4.19, §5).
mod events {
    mod live;
    mod presence;
    mod subscribe;
}

/// Links of other servers, and trust in them (federation §5 to §8).
#[cfg(feature = "federation")]
mod federation {
    mod documents;
    pub(crate) mod fixture;
    mod forwarding;
    mod key_lookup;
    mod link;
    mod live;
    mod original_home;
    mod original_peer;
    mod outbound;
    mod own_keys;
    mod presence;
    mod quotas;
    mod remote_files;
    mod remote_order;
    mod remote_reads;
    mod remote_spaces;
    mod routes;
    mod status;
    mod subscriptions;
    mod trust;
    mod upgrade;
    mod watcher;
}

/// Several servers on one database (decision 0033).
mod nodes {
    mod fixture;
    mod health;
    mod jobs;
    #[cfg(feature = "federation")]
    mod links;
    mod live;
    mod losses;
    mod nats;
    mod presence;
    #[cfg(feature = "federation")]
    mod trust;
}

/// Files over HTTP (http §7, newer-clients §7).
mod files {
    mod browser;
    mod buckets;
    mod conformity;
    mod deletion;
    mod downloads;
    mod events;
    mod faults;
    pub(crate) mod fixture;
    mod heads;
    mod limits;
    mod outages;
    mod owners;
    mod quotas;
    mod rejections;
    mod repeats;
    mod shared_spaces;
    mod uploads;
}

/// Epochs, their shares, and data keys (protocol §4.14–§4.18, newer-clients §4).
mod keys {
    mod deks;
    mod epoch_keys;
    mod epochs;
}

/// Start, readiness, development mode, key sets, tasks, outages of the database, shutdown.
mod operation {
    mod admin;
    mod connections;
    mod dev;
    mod fixture;
    mod health;
    mod key_sets;
    mod logs;
    mod metric_pages;
    mod metrics;
    pub(crate) mod operator;
    mod operator_spaces;
    mod playground;
    mod pooler;
    mod postgres;
    mod scrape;
    mod shutdown;
    mod silent_database;
    mod slow_storage;
    mod tasks;
    mod tls;
    mod unsynced_directories;
}

/// Pushes and pulls (protocol §4.3, §4.4, §4.7).
mod records {
    mod abandoned_push;
    mod faults;
    mod pull;
    mod push;
    mod quotas;
    mod space_create;
    mod turns;
}

/// Rights in shared spaces, the membership log, revocations, invitations (protocol §4.8–§4.13, auth §6, §10).
mod shared {
    pub(crate) mod access;
    mod catch_up;
    mod expiry;
    mod invitations;
    mod issuers;
    pub(crate) mod log;
    mod log_limits;
    mod outage;
    mod races;
    mod rejections;
    mod revocation;
}
