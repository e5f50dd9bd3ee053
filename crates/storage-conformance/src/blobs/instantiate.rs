//! Turns the suite into tests of one object store.

/// Makes one test of every part of the suite, for the backend that is named.
#[macro_export]
macro_rules! blobs_conformance_tests {
    ($backend:ident) => {
        $crate::blobs_conformance_tests! { @suite $backend objects:
            objects_of_all_sizes_come_back
            object_outlives_the_store_that_wrote_it
            pieces_are_small_and_not_empty
            unknown_object_is_not_found
            object_of_the_original_is_read
            ranges_are_parts_of_the_object
            range_beyond_the_object_is_rejected
            reader_may_stop_and_others_go_on
            deletion_is_for_good_and_for_one_name
            deletion_of_nothing_is_success
            name_that_leads_out_of_the_store_is_rejected
            probe_leaves_nothing
        }
        $crate::blobs_conformance_tests! { @suite $backend uploads:
            object_is_not_there_before_it_is_finished
            pieces_of_any_size_become_one_object
            attempts_of_one_file_do_not_meet
            aborted_upload_leaves_nothing
            dropped_upload_leaves_what_delete_removes
            dropped_finish_leaves_what_delete_removes
            upload_that_is_too_long_is_rejected
            upload_that_is_too_short_is_rejected
            everything_works_through_the_trait_object
        }
        $crate::blobs_conformance_tests! { @suite $backend listings:
            empty_store_lists_nothing
            listing_says_name_size_and_age
            listing_of_a_space_has_no_other
            listing_has_names_of_others
            listing_of_many_pages_misses_nothing
            listing_may_stop
        }
        $crate::blobs_conformance_tests! { @suite $backend load:
            writers_side_by_side_hold_little
            small_objects_side_by_side_all_come_back
        }
    };
    (@suite $backend:ident $area:ident: $($name:ident)*) => {
        mod $area {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    let test = $crate::blobs::$area::$name::<super::$backend>();
                    $crate::in_time(test).await;
                }
            )*
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::instantiate::assert_every_test_is_listed;

    #[test]
    fn every_test_of_the_suite_is_instantiated() {
        let sources = [
            include_str!("objects.rs"),
            include_str!("uploads.rs"),
            include_str!("listings.rs"),
            include_str!("load.rs"),
        ];
        assert_every_test_is_listed(include_str!("instantiate.rs"), &sources);
    }
}
