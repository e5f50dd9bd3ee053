//! States of stored keys (federation §6.4).

use serde_json::Value;

use crate::command::Database;

const URL: &str = "https://a.example/.well-known/jwks.json";

fn kid(fragment: &str) -> String {
    format!("{URL}#{fragment}")
}

fn add(database: &Database, fragment: &str, more: &[&str]) {
    database.run(&[&["--domain", "a.example", "--kid", fragment], more].concat()).succeeded();
}

/// Federation KY-9.
#[test]
fn ky_9_young_keys_are_promoted_by_force_only() {
    let database = Database::new();
    add(&database, "a", &[]);
    add(&database, "b", &["--no-promote"]);
    let young = format!(
        "error: key \"{}\" is younger than two hours: peers may not know it yet. Wait, or give --force",
        kid("b")
    );
    database.run(&["promote", &kid("b")]).failed(1, &young);
    let forced = database.run(&["promote", &kid("b"), "--force"]).succeeded();
    assert_eq!(forced.out, format!("promoted {}\n", kid("b")));
    database.let_hours_pass(2);
    database.run(&["promote", &kid("a")]).succeeded();
    assert!(database.keys()[0].3);
}

#[test]
fn primary_is_deactivated_by_force_only() {
    let database = Database::new();
    add(&database, "a", &[]);
    let rejected =
        format!("error: key \"{}\" is the primary: promote another one first, or give --force", kid("a"));
    database.run(&["deactivate", &kid("a")]).failed(1, &rejected);
    let forced = database.run(&["deactivate", &kid("a"), "--force"]).succeeded();
    assert_eq!(forced.out, format!("deactivated {}\n", kid("a")));
    let (_, _, active, primary) = database.keys().swap_remove(0);
    assert!(!active && !primary);
}

#[test]
fn keys_are_listed_with_their_state() {
    let database = Database::new();
    assert_eq!(database.run(&["list"]).succeeded().out, "");
    for fragment in ["a", "b", "c"] {
        add(&database, fragment, &[]);
    }
    database.run(&["deactivate", &kid("a")]).succeeded();
    let listed = database.run(&["list"]).succeeded().out;
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with(&format!("key_id={} state=inactive created_at=2", kid("a"))), "{listed}");
    assert!(lines[0].contains(" deactivated_at=2"), "{listed}");
    assert!(lines[1].contains(" state=active ") && lines[2].contains(" state=primary "), "{listed}");
    let json = database.run(&["list", "--json"]).succeeded().out;
    let states: Vec<Value> =
        json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["state"].take()).collect();
    assert_eq!(states, ["inactive", "active", "primary"]);
}
