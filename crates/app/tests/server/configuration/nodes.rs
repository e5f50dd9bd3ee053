//! Settings of the transport between nodes.

use super::settings::{config, effective, problems};

/// Operations §2.3.
#[test]
fn transport_between_nodes_may_be_nats() {
    let database = ("DATABASE_URL", "postgres://less@db.example.com/less");
    let nats = |url| [database, ("FANOUT_BUS", "nats"), ("NATS_URL", url)];
    let read = config(&nats("nats://less:secret@one:4222,nats://less:secret@two"));
    assert_eq!(effective(&read, "NATS_URL"), "set");
    assert_eq!(effective(&read, "NATS_SUBJECT_PREFIX"), "less-sync");
    assert!(!format!("{read:?}").contains("secret"));
    let message = "expected nats://USER:PASSWORD@HOST:PORT or tls://…, several with commas between";
    assert_eq!(problems(&nats("http://less:secret@one")), [format!("invalid NATS_URL: {message}")]);
    assert_eq!(problems(&[database, ("FANOUT_BUS", "nats")]), ["FANOUT_BUS=nats needs NATS_URL"]);
    let embedded = [("FANOUT_BUS", "nats"), ("NATS_URL", "nats://one")];
    assert_eq!(problems(&embedded), ["FANOUT_BUS=nats needs a DATABASE_URL of PostgreSQL"]);
    assert_eq!(
        problems(&[database, ("FANOUT_BUS", "kafka")]),
        ["invalid FANOUT_BUS \"kafka\": expected \"none\", \"postgres\" or \"nats\""]
    );
    let prefixed = problems(&[&nats("nats://one")[..], &[("NATS_SUBJECT_PREFIX", "a b")]].concat());
    assert_eq!(
        prefixed,
        [
            "invalid NATS_SUBJECT_PREFIX \"a b\": expected 1 to 64 letters, digits, hyphens or underscores, with single \
          dots between"
        ]
    );
    let unused = config(&[database, ("NATS_URL", "nats://one")]);
    assert_eq!(unused.warnings, ["NATS_URL has no effect without FANOUT_BUS=nats"]);
}
