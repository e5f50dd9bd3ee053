//! Turns the suite into tests of one adapter.

use std::future::Future;
use std::time::Duration;

/// Timeout of one test.
const TEST_TIMEOUT: Duration = Duration::from_mins(2);

/// Fails a test that hangs.
#[doc(hidden)]
pub async fn in_time(test: impl Future<Output = ()>) {
    assert!(
        tokio::time::timeout(TEST_TIMEOUT, test).await.is_ok(),
        "test did not end within {TEST_TIMEOUT:?}"
    );
}

/// Makes one test of every part of the suite, for the backend that is named.
#[macro_export]
macro_rules! conformance_tests {
    ($backend:ident) => {
        $crate::conformance_tests! { @suite $backend spaces:
            ping_succeeds
            created_space_has_the_defaults
            unknown_space_is_not_found
            second_create_of_an_id_is_rejected_and_changes_nothing
            personal_space_is_created_once
            personal_access_to_a_rooted_space_is_rejected
            batch_read_skips_unknown_ids_and_returns_repeated_ones_once
            batch_read_takes_a_thousand_ids
            nil_and_max_are_ids_like_any_other
            client_id_and_root_key_are_stored_unchanged
            state_of_a_space_is_reported_after_a_restart
            everything_works_through_the_trait_object
        }
        $crate::conformance_tests! { @suite $backend pushes:
            first_push_gets_cursor_one
            create_over_an_existing_id_conflicts
            update_with_the_right_cursor_replaces_the_blob
            tombstone_is_part_of_incremental_pulls_only
            push_to_an_unknown_space_is_rejected
            blob_may_reach_its_limit_but_not_exceed_it
            blobs_together_may_reach_their_limit_but_not_exceed_it
            changes_may_reach_their_limit_but_not_exceed_it
            same_id_twice_in_a_push_is_rejected
            first_input_error_in_order_is_reported
            empty_push_returns_the_cursor_and_writes_nothing
            wrong_expected_cursor_conflicts
            update_of_an_unknown_record_conflicts
            tombstone_counts_as_existing_and_can_be_revived
            record_may_be_created_as_a_tombstone
            one_conflict_rejects_the_whole_push
            conflict_names_at_most_a_hundred_records
            records_of_a_push_share_its_cursor
            spaces_with_the_same_record_ids_are_independent
            push_of_thousands_is_one_mutation
            blobs_and_keys_are_stored_unchanged
            empty_blob_is_a_live_record
            blob_without_a_key_clears_the_key
            shared_space_rejects_stale_epochs
            personal_space_is_never_checked_for_epochs
            stale_epoch_is_reported_before_a_conflict
            push_to_a_remote_space_is_rejected
            last_cursor_is_usable_and_then_exhausted
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
            first_sync_skips_tombstones
            row_rewritten_during_a_pull_follows_its_bound
            pull_of_one_page_is_one_snapshot
            blob_is_read_in_pieces_while_its_version_lasts
            pull_continues_after_a_restart
            stalled_pulls_hold_no_resources
            cancelled_operations_leave_no_resources
        }
        $crate::conformance_tests! { @suite $backend races:
            one_of_many_creates_wins
            second_writer_with_the_same_expected_cursor_gets_a_conflict
            pushes_take_effect_in_the_order_of_their_tickets
            disjoint_pushes_all_commit_under_their_own_cursors
            concurrent_first_accesses_of_a_personal_space_create_one_row
            creation_and_first_access_never_mix
            conflict_does_not_affect_other_pushes
            readers_converge_while_writers_write
            every_pull_has_every_record_under_heavy_rewriting
        }
        $crate::conformance_tests! { @suite $backend access:
            revoked_chain_grants_no_access
            revocation_in_another_space_has_no_effect
            access_of_the_wrong_kind_is_rejected
            owner_of_a_personal_space_has_all_rights
            unknown_space_is_rejected_by_every_operation
            remote_space_is_read_only
            everything_shared_works_through_the_trait_object
        }
        $crate::conformance_tests! { @suite $backend revocations:
            revocation_is_permanent_and_per_space
            unknown_space_has_no_revocations
            any_revoked_finds_one_of_sixteen
            revoked_tokens_are_found_among_those_of_many_spaces
        }
        $crate::conformance_tests! { @suite $backend members:
            appends_chain_and_count_versions
            append_compares_the_version_and_then_the_chain
            append_sent_again_is_a_version_conflict
            append_and_list_need_a_space
            list_respects_both_bounds
            empty_log_has_no_entries_and_no_head
            head_follows_the_log
            oldest_entries_are_left_out_of_a_large_list
            payload_may_reach_its_limit_but_not_exceed_it
            log_may_reach_its_cap_but_not_exceed_it
            entries_are_stored_unchanged
            logs_of_two_spaces_are_independent
            append_after_the_last_cursor_is_rejected
        }
        $crate::conformance_tests! { @suite $backend epochs:
            epoch_after_epoch
            only_the_next_epoch_can_begin
            last_epoch_has_no_successor
            only_the_pending_epoch_can_be_completed
            rewrap_ends_when_no_old_key_is_left
            rewrap_waits_for_the_keys_of_files
            outdated_keys_are_counted_up_to_a_thousand
            personal_space_rotates_its_key
            completion_deletes_outdated_shares
            space_state_returns_the_state_of_the_space
        }
        $crate::conformance_tests! { @suite $backend deks:
            listing_of_many_pages_is_in_order
            listing_skips_rows_without_a_key
            listing_ends_at_the_cursor_of_its_start
            listing_loses_no_id
            keys_of_files_are_listed_after_a_cursor
            prefixes_are_unsigned
            keys_are_found_among_many_rows_without
        }
        $crate::conformance_tests! { @suite $backend rewraps:
            keys_are_listed_and_rewrapped
            rewrap_touches_nothing_but_the_key
            empty_rewrap_has_no_effect
            last_entry_for_a_record_counts
            rewrap_adds_no_key_where_there_is_none
            listed_key_does_not_replace_a_newer_one
            unlisted_key_does_not_replace_a_current_one
            observed_key_must_be_the_stored_one
            mixed_rewrap_is_all_or_nothing
            rewrap_stays_in_its_space
            twenty_thousand_keys_are_rewrapped_at_once
            long_rewrap_is_rejected_as_a_whole
            keys_of_files_are_rewrapped
        }
        $crate::conformance_tests! { @suite $backend epoch_keys:
            share_is_for_one_member_epoch_and_space
            put_replaces_the_shares_of_an_epoch
            shares_are_for_epochs_up_to_the_next
            shares_are_stored_unchanged
        }
        $crate::conformance_tests! { @suite $backend timeline:
            rows_of_all_kinds_come_in_the_order_of_their_cursors
            deletion_of_a_record_deletes_its_files
            deleted_file_queues_its_object_under_its_own_key
            rejected_push_deletes_no_file
            files_of_a_revived_record_stay_deleted
            files_of_another_space_survive
            payloads_of_members_fill_a_page
            rows_of_all_kinds_follow_the_bound_of_a_pull
            rewound_pull_returns_tombstones_of_files
        }
        $crate::conformance_tests! { @suite $backend files:
            uploaded_file_can_be_read
            change_of_a_file_reports_the_epochs
            second_upload_of_a_file_changes_nothing
            file_is_visible_in_its_space_only
            owner_must_be_a_live_record
            file_of_another_record_is_left_alone
            old_key_is_rejected_in_shared_spaces_only
            first_failing_check_of_an_upload_decides
            upload_attempts_have_distinct_objects
            attempt_ends_with_its_lifetime
            attempt_can_be_committed_once
            deleted_file_is_a_tombstone
            upload_revives_a_deleted_file
            file_of_a_deleted_record_can_be_revived
            file_change_after_the_last_cursor_is_rejected
            aborted_attempt_is_due_at_once
            attempt_outlives_its_space
            abort_spares_the_object_of_a_live_file
            file_of_the_original_server_has_its_legacy_object_key
            metadata_of_files_is_stored_unchanged
            rewrapped_key_is_the_key_of_the_file
            files_work_through_the_trait_object
        }
        $crate::conformance_tests! { @suite $backend objects:
            expired_attempt_is_claimed_once
            object_of_a_deleted_file_is_kept_during_its_grace
            claimed_object_is_due_again_after_the_lease
            postponed_object_is_due_after_its_delay
            postponement_counts_as_a_claim
            forgotten_object_does_not_come_back
            objects_come_in_the_order_of_their_due_times
            use_of_each_object_is_reported
            live_files_are_listed_in_order
            live_files_are_found_among_many_deleted_ones
            orphan_is_marked_for_deletion_unless_in_use
            object_pending_deletion_is_not_queued_twice
            queue_is_counted
        }
        $crate::conformance_tests! { @suite $backend quotas:
            space_may_reach_its_quota_but_not_exceed_it
            conflict_is_reported_before_a_quota
            full_space_takes_what_adds_nothing
            other_spaces_and_owners_are_not_affected
            files_count_with_their_keys_and_rows
            deletion_makes_room_in_its_own_push
            large_pushes_are_counted
            owner_of_an_existing_space_is_recorded_at_its_next_access
            push_beyond_a_quota_does_not_affect_others
            concurrent_pushes_never_exceed_a_quota
        }
        $crate::conformance_tests! { @suite $backend inventory:
            spaces_are_listed_in_pages_in_the_order_of_their_ids
            listing_shows_the_state_of_a_space
            rows_are_counted_up_to_a_bound
            pending_rewraps_are_counted_with_the_age_of_the_oldest
        }
        $crate::conformance_tests! { @suite $backend purge:
            purged_space_is_gone_with_all_its_rows
            purge_of_an_unknown_space_does_nothing
            purge_works_in_bounded_steps_and_rejects_writes_between_them
            objects_of_purged_files_are_marked_for_deletion
            purge_frees_the_bytes_of_the_owner
        }
        $crate::conformance_tests! { @suite $backend invitations:
            invitation_belongs_to_its_mailbox
            expired_invitation_is_invisible
            page_after_an_unknown_invitation_is_empty
            pages_deliver_each_invitation_once
            page_ends_with_its_bytes
            full_mailbox_rejects_invitations
            peer_is_limited_to_its_part_of_a_mailbox
            invitations_of_a_peer_are_deleted
            payloads_are_stored_unchanged
            purge_of_invitations_works_in_batches
        }
        $crate::conformance_tests! { @suite $backend issuer_bindings:
            first_issuer_keeps_an_id
            rebinding_replaces_the_issuer
            concurrent_bindings_agree
        }
        $crate::conformance_tests! { @suite $backend federation_keys:
            first_key_is_primary_and_staged_keys_are_not
            known_key_is_not_replaced
            key_is_ensured_once_per_url
            promotion_waits_for_the_minimum_age
            primary_is_deactivated_by_force_only
            inactive_keys_are_deleted_after_their_age
            one_key_is_primary_whatever_runs_at_once
        }
        $crate::conformance_tests! { @suite $backend home_routes:
            home_server_round_trips_and_needs_a_space
            home_server_of_a_space_with_rows_is_set_by_force_only
            stub_is_created_once
            stub_does_not_replace_a_local_space
            only_stubs_are_deleted_as_such
            idle_stubs_are_deleted
            space_under_removal_has_no_route
        }
        $crate::conformance_tests! { @suite $backend home_hints:
            hints_are_listed_newest_first
            full_mailbox_forgets_its_oldest_hints
            hints_end_with_their_lifetime
            hints_of_a_peer_are_deleted
        }
        $crate::conformance_tests! { @suite $backend peer_states:
            quarantine_lasts_until_its_end
        }
        $crate::conformance_tests! { @suite $backend rate_limits:
            actions_are_counted_by_actor_and_kind
            released_permit_does_not_count
            window_slides
            wait_is_at_least_a_second
            purge_of_actions_works_in_batches
        }
        $crate::conformance_tests! { @suite $backend shared_races:
            one_of_many_appends_wins
            one_of_many_begins_an_epoch
            push_comes_before_the_epoch_or_is_stale
            continuous_pushes_cannot_delay_the_end_of_a_rewrap
            pushed_key_survives_a_rewrap_of_the_old_listing
            record_deleted_during_a_rewrap_has_no_key
            revocation_and_long_pushes_do_not_interfere
            concurrent_callers_get_no_more_permits_than_the_limit
            purge_does_not_disturb_readers_of_a_mailbox
            operation_that_starts_after_a_revocation_is_rejected
        }
        $crate::conformance_tests! { @suite $backend file_races:
            upload_racing_the_deletion_of_its_record_is_deleted_or_rejected
            one_of_many_uploads_of_a_file_stays
            late_commit_fails_or_keeps_its_object
            abort_and_commit_never_both_succeed
            sweepers_never_claim_the_same_object
            deletions_and_revivals_are_serialized
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
            include_str!("inventory.rs"),
            include_str!("purge.rs"),
            include_str!("rate_limits.rs"),
            include_str!("issuer_bindings.rs"),
            include_str!("federation_keys.rs"),
            include_str!("home_routes.rs"),
            include_str!("home_hints.rs"),
            include_str!("peer_states.rs"),
            include_str!("quotas.rs"),
            include_str!("shared_races.rs"),
            include_str!("file_races.rs"),
        ];
        assert_every_test_is_listed(include_str!("instantiate.rs"), &sources);
    }
}
