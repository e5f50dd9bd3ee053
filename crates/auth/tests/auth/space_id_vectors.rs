//! The personal space cases of the specification.
#![expect(clippy::unwrap_used, reason = "a vector that cannot be read is a failure")]

use less_sync_auth::PersonalSpaceNamespaces;
use less_sync_auth::personal_space::personal_space_id;
use less_sync_core::SpaceId;
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../vectors/spaceid.json")).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn namespaces(setting: &str) -> Vec<String> {
    let namespaces: PersonalSpaceNamespaces = setting.parse().unwrap();
    namespaces.iter().map(|namespace| namespace.to_string()).collect()
}

#[test]
fn every_personal_space_has_the_id_of_its_vector() {
    let vectors = vectors();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 22);
    for case in cases {
        let input = |name: &str| text(&case["inputs"][name]);
        let namespace = input("namespace").parse::<PersonalSpaceNamespaces>().unwrap().first();
        let id = personal_space_id(namespace, input("issuer"), input("user_id"), input("client_id"));
        assert_eq!(id.to_string(), text(&case["expected"]["space_id"]), "{}", case["name"]);
        assert!(id.is_derived(), "{}", case["name"]);
    }
}

#[test]
fn every_namespace_has_the_id_of_its_vector() {
    for (name, namespace) in vectors()["namespaces"].as_object().unwrap() {
        assert_eq!(namespaces(name), [text(&namespace["uuid"])]);
    }
}

#[test]
fn every_namespace_setting_is_read_as_its_vector_says() {
    let vectors = vectors();
    let cases = vectors["namespace_setting"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let read = case["inputs"]["setting"].as_str().map_or_else(
            || PersonalSpaceNamespaces::default().iter().map(|namespace| namespace.to_string()).collect(),
            namespaces,
        );
        assert_eq!(serde_json::json!(read), case["expected"]["namespaces"], "{}", case["name"]);
    }
}

/// Rules decided by ids alone: own or not, and reserved or not. The other rules belong to the engine.
#[test]
fn ids_are_compared_as_values_and_version_five_is_reserved() {
    let vectors = vectors();
    let cases = vectors["rules"].as_array().unwrap();
    assert_eq!(cases.len(), 12);
    for case in cases {
        let inputs = &case["inputs"];
        let space: SpaceId = text(&inputs["space_id"]).parse().unwrap();
        let own: SpaceId = text(&inputs["caller_personal_space_id"]).parse().unwrap();
        let expected = match (text(&inputs["call"]), text(&case["expected"]["result"])) {
            ("authorize", "personal") => space == own,
            ("authorize", "forbidden") => space != own || inputs["stored_row"]["root_public_key"].is_string(),
            ("space.create", result) => space.is_derived() == (result == "bad_request"),
            _ => false,
        };
        assert!(expected, "{}", case["name"]);
    }
}
