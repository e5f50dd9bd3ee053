//! Turns the suite into tests of one adapter.

use std::future::Future;
use std::time::Duration;

/// How long a test may take before it counts as stuck.
const PATIENCE: Duration = Duration::from_mins(2);

/// Fails a test that hangs.
#[doc(hidden)]
pub async fn in_time(test: impl Future<Output = ()>) {
    assert!(tokio::time::timeout(PATIENCE, test).await.is_ok(), "stuck for {PATIENCE:?}");
}

/// Makes one test of every part of the suite, for the backend that is named.
#[macro_export]
macro_rules! conformance_tests {
    ($backend:ident) => {
        $crate::conformance_tests! { @suite $backend spaces:
            ping_answers
            created_space_has_the_defaults
            unknown_space_is_absent
            second_create_of_an_id_is_rejected_and_changes_nothing
            personal_space_is_created_once
            personal_access_to_a_rooted_space_is_rejected
            batch_read_skips_unknown_ids_and_answers_repeated_ones_once
            batch_read_takes_a_thousand_ids
            nil_and_max_are_ids_like_any_other
            client_id_and_root_key_come_back_as_they_went
            state_of_a_space_is_reported_after_a_restart
            everything_works_through_the_trait_object
        }
        $crate::conformance_tests! { @suite $backend pushes:
            first_push_gets_cursor_one
            create_over_an_existing_id_conflicts
            update_with_the_right_cursor_replaces_the_blob
            deletion_is_seen_by_incremental_pulls_only
            push_to_an_unknown_space_is_rejected
            blob_may_reach_its_limit_but_not_exceed_it
            blobs_together_may_reach_their_limit_but_not_exceed_it
            changes_may_reach_their_limit_but_not_exceed_it
            same_id_twice_in_a_push_is_rejected
            input_errors_are_found_in_order
            push_without_changes_reads_the_cursor_and_writes_nothing
            wrong_expected_cursor_conflicts
            update_of_an_unknown_record_conflicts
            tombstone_counts_as_present_and_can_be_revived
            record_may_be_born_as_a_tombstone
            one_conflict_rejects_the_whole_push
            conflict_names_at_most_a_hundred_records
            records_of_a_push_share_its_cursor
            spaces_with_the_same_record_ids_do_not_meet
            push_of_thousands_is_one_mutation
            blobs_and_keys_come_back_as_they_went
            empty_blob_is_a_live_record
            blob_without_a_key_clears_the_key
            shared_space_rejects_stale_epochs
            personal_space_is_never_checked_for_epochs
            stale_epoch_goes_before_a_conflict
            space_homed_elsewhere_is_not_written
            last_cursor_can_be_used_and_no_other_after_it
            pushes_survive_a_restart
        }
        $crate::conformance_tests! { @suite $backend pulls:
            pull_of_an_empty_space_has_no_rows
            pull_of_an_unknown_space_is_rejected
            pull_reports_the_state_of_the_space
            pull_returns_what_is_above_since
            pull_from_beyond_the_cursor_is_an_error
            pull_from_beyond_the_cursor_can_rewind
            rows_of_one_cursor_are_ordered_by_id
            rows_are_ordered_by_cursor_before_id
            page_holds_no_more_rows_than_its_limit
            page_holds_no_more_bytes_than_its_limit_and_one_row
            no_id_is_lost_at_the_edge_of_a_page
            first_sync_steps_over_tombstones
            row_rewritten_during_a_pull_comes_with_the_next
            pull_goes_on_after_a_restart
            stalled_pulls_hold_nothing
            dropped_futures_leave_nothing_behind
        }
        $crate::conformance_tests! { @suite $backend races:
            one_of_many_creates_wins
            second_writer_with_the_same_expected_cursor_gets_a_conflict
            pushes_take_effect_in_the_order_of_their_tickets
            disjoint_pushes_all_commit_under_their_own_cursors
            first_touches_of_a_personal_space_all_get_one_row
            creation_and_first_touch_never_mix
            conflict_does_not_touch_its_neighbours
            readers_converge_while_writers_write
            pull_under_heavy_rewriting_is_completed_by_the_next
        }
        $crate::conformance_tests! { @suite $backend access:
            revoked_chain_opens_nothing
            revocation_elsewhere_closes_nothing
            access_of_the_wrong_kind_opens_nothing
            owner_of_a_personal_space_may_do_everything
            unknown_space_is_found_by_nothing
            space_homed_elsewhere_is_read_only
            everything_shared_works_through_the_trait_object
        }
        $crate::conformance_tests! { @suite $backend revocations:
            revocation_is_for_good_and_for_one_space
            unknown_space_has_no_revocations
            any_revoked_finds_one_of_sixteen
            any_text_can_be_revoked
        }
        $crate::conformance_tests! { @suite $backend members:
            appends_chain_and_count_versions
            append_compares_the_version_and_then_the_chain
            append_sent_again_is_a_version_conflict
            append_and_list_need_a_space
            list_is_bounded_on_both_sides
            empty_log_has_no_entries_and_no_head
            head_follows_the_log
            oldest_entries_are_left_out_of_a_large_list
            payload_may_reach_its_limit_but_not_exceed_it
            log_may_reach_its_cap_but_not_exceed_it
            entries_come_back_as_they_went
            logs_of_two_spaces_do_not_meet
            last_cursor_ends_the_log
        }
        $crate::conformance_tests! { @suite $backend epochs:
            epoch_after_epoch
            only_the_next_epoch_can_begin
            last_epoch_has_no_successor
            only_the_pending_epoch_can_be_completed
            rewrap_ends_when_no_old_key_is_left
            rewrap_waits_for_the_keys_of_files
            leftovers_are_counted_up_to_a_thousand
            personal_space_rotates_its_key
            completion_deletes_shares_that_nobody_needs
            state_is_that_of_the_space
        }
        $crate::conformance_tests! { @suite $backend deks:
            listing_of_many_pages_is_in_order
            listing_steps_over_what_has_no_key
            listing_ends_where_the_space_was
            listing_loses_no_id
            keys_of_files_are_listed_after_a_cursor
            prefixes_are_unsigned
        }
        $crate::conformance_tests! { @suite $backend rewraps:
            keys_are_listed_and_rewrapped
            rewrap_touches_nothing_but_the_key
            rewrap_of_nothing_does_nothing
            last_entry_for_a_record_counts
            rewrap_gives_no_key_to_what_has_none
            listed_key_does_not_replace_a_newer_one
            unlisted_key_does_not_replace_a_current_one
            observed_key_must_be_the_stored_one
            mixed_rewrap_is_all_or_nothing
            rewrap_stays_in_its_space
            twenty_thousand_keys_are_rewrapped_at_once
            keys_of_files_are_rewrapped
        }
        $crate::conformance_tests! { @suite $backend epoch_keys:
            share_is_for_one_member_epoch_and_space
            put_replaces_the_shares_of_an_epoch
            shares_are_for_epochs_up_to_the_next
            shares_come_back_as_they_went
        }
        $crate::conformance_tests! { @suite $backend timeline:
            rows_of_all_kinds_come_in_the_order_of_their_cursors
            files_die_with_their_record
            deleted_file_queues_its_object_under_its_own_key
            rejected_push_kills_no_file
            files_of_a_revived_record_stay_gone
            files_of_another_space_survive
            payloads_of_members_fill_a_page
            entry_appended_during_a_pull_comes_with_the_next
            rewound_pull_tells_of_dead_files
        }
        $crate::conformance_tests! { @suite $backend files:
            uploaded_file_is_there
            change_of_a_file_tells_the_epochs
            second_upload_of_a_file_changes_nothing
            file_is_seen_in_its_space_only
            owner_must_be_a_live_record
            file_of_another_record_is_left_alone
            old_key_is_rejected_in_shared_spaces_only
            first_objection_to_an_upload_decides
            attempts_do_not_share_a_place
            attempt_ends_with_its_lifetime
            attempt_is_good_for_one_commit
            deleted_file_is_a_tombstone
            upload_revives_a_deleted_file
            file_of_a_dead_record_can_be_revived
            last_cursor_ends_the_files
            aborted_attempt_is_due_at_once
            attempt_outlives_its_space
            abort_spares_the_object_of_a_live_file
            file_of_the_original_lies_under_its_ids
            what_is_known_of_files_comes_back_as_it_went
            rewrapped_key_is_the_key_of_the_file
            files_work_through_the_trait_object
        }
        $crate::conformance_tests! { @suite $backend objects:
            attempt_that_is_over_is_claimed_once
            object_of_a_deleted_file_has_its_grace
            claimed_object_is_due_again_after_the_lease
            postponed_object_is_due_after_its_delay
            postponement_counts_as_a_claim
            forgotten_object_does_not_come_back
            objects_come_in_the_order_of_their_due_times
            use_of_each_object_is_told
            live_files_are_walked_in_order
            orphan_is_marked_for_deletion_unless_in_use
            object_pending_deletion_is_not_queued_twice
            queue_is_counted
        }
        $crate::conformance_tests! { @suite $backend invitations:
            invitation_belongs_to_its_mailbox
            expired_invitation_is_seen_by_nobody
            page_after_nothing_known_is_empty
            pages_deliver_each_invitation_once
            page_ends_with_its_bytes
            mailbox_may_be_full
            peer_may_fill_its_part_of_a_mailbox
            payloads_come_back_as_they_went
            purge_of_invitations_works_in_batches
        }
        $crate::conformance_tests! { @suite $backend rate_limits:
            actions_are_counted_by_actor_and_kind
            permit_that_is_given_back_does_not_count
            window_slides
            wait_is_at_least_a_second
            purge_of_actions_works_in_batches
        }
        $crate::conformance_tests! { @suite $backend shared_races:
            one_of_many_appends_wins
            one_of_many_begins_an_epoch
            push_comes_before_the_epoch_or_is_stale
            endless_pushes_cannot_put_off_the_end_of_a_rewrap
            pushed_key_survives_a_rewrap_of_the_old_listing
            record_that_dies_during_a_rewrap_has_no_key
            revocation_and_long_pushes_do_not_fail_each_other
            callers_together_get_no_more_permits_than_the_limit
            purge_disturbs_no_reader_of_a_mailbox
            what_starts_after_a_revocation_is_rejected
        }
        $crate::conformance_tests! { @suite $backend file_races:
            file_of_a_dying_record_is_dead_or_rejected
            one_of_many_uploads_of_a_file_stays
            late_commit_is_lost_or_its_object_stays
            abort_and_commit_never_both_succeed
            sweepers_never_claim_the_same_object
            deletions_and_revivals_take_turns
        }
        mod model {
            #[test]
            fn random_histories_agree_with_the_model() {
                $crate::model::random_histories_agree_with_the_model::<super::$backend>();
            }

            #[test]
            fn random_shared_histories_agree_with_the_model() {
                $crate::model::random_shared_histories_agree_with_the_model::<super::$backend>();
            }

            #[test]
            fn random_expiry_histories_agree_with_the_model() {
                $crate::model::random_expiry_histories_agree_with_the_model::<super::$backend>();
            }
        }
    };
    (@suite $backend:ident $area:ident: $($name:ident)*) => {
        mod $area {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    $crate::in_time($crate::$area::$name::<super::$backend>()).await;
                }
            )*
        }
    };
}

/// Fails for a public test function in `sources` that `list`, the source of its macro, does not name.
#[cfg(test)]
pub(crate) fn assert_every_test_is_listed(list: &str, sources: &[&str]) {
    let listed: Vec<&str> = list.split_whitespace().collect();
    for source in sources {
        let names = source.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split('<').next());
        for name in names {
            assert!(listed.contains(&name), "{name} is not in the list of the macro");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::assert_every_test_is_listed;

    #[test]
    fn every_test_of_the_suite_is_instantiated() {
        let sources = [
            include_str!("spaces.rs"),
            include_str!("pushes.rs"),
            include_str!("pulls.rs"),
            include_str!("races.rs"),
            include_str!("access.rs"),
            include_str!("revocations.rs"),
            include_str!("members.rs"),
            include_str!("epochs.rs"),
            include_str!("deks.rs"),
            include_str!("rewraps.rs"),
            include_str!("epoch_keys.rs"),
            include_str!("timeline.rs"),
            include_str!("files.rs"),
            include_str!("objects.rs"),
            include_str!("invitations.rs"),
            include_str!("rate_limits.rs"),
            include_str!("shared_races.rs"),
            include_str!("file_races.rs"),
        ];
        assert_every_test_is_listed(include_str!("instantiate.rs"), &sources);
    }
}
