//! `spaceid.json`, its part about textual forms. The derivation of personal ids is tested where it lives, in
//! `auth`.

use less_sync_core::{FileId, InvitationId, RecordId, SpaceId};

use super::file;

#[test]
fn every_textual_form_of_an_id_is_taken_where_it_should_be() {
    let vectors = file::json("spaceid.json");
    let cases = vectors["uuid_text_form"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let text = case["inputs"]["text"].as_str().unwrap();
        let expected = &case["expected"];
        let canonical = |accepted: bool| accepted.then(|| expected["canonical"].as_str().unwrap().to_owned());
        let as_space = canonical(expected["as_space_id"] == true);
        let as_record = canonical(expected["as_record_id"] == true);

        assert_eq!(text.parse::<SpaceId>().ok().map(|id| id.to_string()), as_space, "{text}");
        assert_eq!(text.parse::<RecordId>().ok().map(|id| id.to_string()), as_record, "{text}");
        // Files and invitations are named like spaces (protocol §4.1).
        assert_eq!(text.parse::<FileId>().ok().map(|id| id.to_string()), as_space, "{text}");
        assert_eq!(text.parse::<InvitationId>().ok().map(|id| id.to_string()), as_space, "{text}");
    }
}
