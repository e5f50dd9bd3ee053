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
            second_create_of_an_id_is_refused_and_changes_nothing
            personal_space_is_created_once
            personal_access_to_a_rooted_space_is_refused
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
            push_to_an_unknown_space_is_refused
            blob_may_reach_its_limit_but_not_exceed_it
            blobs_together_may_reach_their_limit_but_not_exceed_it
            changes_may_reach_their_limit_but_not_exceed_it
            same_id_twice_in_a_push_is_refused
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
            shared_space_refuses_stale_epochs
            personal_space_is_never_checked_for_epochs
            stale_epoch_goes_before_a_conflict
            space_homed_elsewhere_is_not_written
            last_cursor_can_be_used_and_no_other_after_it
            pushes_survive_a_restart
        }
        $crate::conformance_tests! { @suite $backend pulls:
            pull_of_an_empty_space_has_no_rows
            pull_of_an_unknown_space_is_refused
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
            pushes_take_effect_in_the_order_in_which_they_began
            disjoint_pushes_all_commit_under_their_own_cursors
            first_touches_of_a_personal_space_all_get_one_row
            creation_and_first_touch_never_mix
            conflict_does_not_touch_its_neighbours
            readers_converge_while_writers_write
            pull_under_heavy_rewriting_is_completed_by_the_next
        }
        mod model {
            #[test]
            fn random_histories_agree_with_the_model() {
                $crate::conformance::model::random_histories_agree_with_the_model::<super::$backend>();
            }
        }
    };
    (@suite $backend:ident $area:ident: $($name:ident)*) => {
        mod $area {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    $crate::conformance::in_time($crate::conformance::$area::$name::<super::$backend>()).await;
                }
            )*
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_test_of_the_suite_is_instantiated() {
        let listed: Vec<&str> = include_str!("instantiate.rs").split_whitespace().collect();
        for source in [
            include_str!("spaces.rs"),
            include_str!("pushes.rs"),
            include_str!("pulls.rs"),
            include_str!("races.rs"),
        ] {
            let names =
                source.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split('<').next());
            for name in names {
                assert!(listed.contains(&name), "{name} is not in the list of the macro");
            }
        }
    }
}
