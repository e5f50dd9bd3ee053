//! Transport by notifications of PostgreSQL.

use bytes::Bytes;
use less_sync_bus::PostgresBus;
use less_sync_engine::ports::{BusTopic, FanoutBus as _};
use less_sync_storage_postgres::{Notifications, PostgresOptions};
use less_sync_test_support::postgres::TestDatabase;

use crate::{conform, connect, fails, received};

fn transport(url: &str) -> PostgresBus {
    PostgresBus::new(Notifications::new(&PostgresOptions::new(url.parse().unwrap())))
}

#[tokio::test]
async fn notifications_conform() {
    let database = TestDatabase::migrated().await;
    conform(&transport(database.url()), &transport(database.url())).await;
}

/// Ends all other sessions of the database, as an administrator or a failover does.
#[tokio::test]
async fn ended_connections_are_opened_again() {
    let database = TestDatabase::migrated().await;
    let (one, other) = (transport(database.url()), transport(database.url()));
    connect(&one, &other).await;
    database
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    fails(&one).await;
    fails(&other).await;
    connect(&one, &other).await;
}

/// A reset interrupts the receiver, whose connection may be silent for good.
#[tokio::test]
async fn reset_interrupts_a_waiting_receiver() {
    let database = TestDatabase::migrated().await;
    let (one, other) = (transport(database.url()), transport(database.url()));
    connect(&one, &other).await;
    tokio::join!(fails(&one), one.reset());
    connect(&one, &other).await;
}

/// Two deployments in two schemas of one database do not hear each other.
#[tokio::test]
async fn schemas_have_channels_of_their_own() {
    let database = TestDatabase::migrated().await;
    database.execute("CREATE SCHEMA elsewhere").await;
    let separator = if database.url().contains('?') { '&' } else { '?' };
    let elsewhere = format!("{}{separator}options=-csearch_path%3Delsewhere", database.url());
    let (here, there) = (transport(database.url()), transport(&elsewhere));
    connect(&here, &transport(database.url())).await;
    connect(&there, &transport(&elsewhere)).await;
    here.send(BusTopic::Everyone, Bytes::from_static(b"here")).await.unwrap();
    there.send(BusTopic::Everyone, Bytes::from_static(b"there")).await.unwrap();
    assert_eq!(received(&here).await, Bytes::from_static(b"here"));
    assert_eq!(received(&there).await, Bytes::from_static(b"there"));
}
