//! The suite every driver passes.
//!
//! Owns the meaning of a [`Store`], as cases that a driver's test runs one by one; a change of the trait changes the
//! suite. Invariant: a case uses only the trait, so that it holds for every driver; it has its own clock and ids, and
//! waits for answers, never for time. A driver's own tests cover its own subjects (locks on folders, files,
//! connections).

mod accept;
mod advance;
mod apply;
mod archive;
mod backorders;
mod bisection;
mod claims;
mod clients;
mod consume;
mod copies;
mod damage;
mod driver;
mod factory;
mod harness;
mod held;
mod inbox;
mod leases;
mod lists;
mod log;
mod once;
mod parked;
mod personal;
mod reconcile;
mod relay;
mod reopen;
mod samples;
mod snapshot;
mod sourcing;
mod stats;
mod stock;
mod story;
mod tenants;
mod timers;
mod turns;
mod vendors;
mod work;

pub use copies::orders_of_schema_6_show_what_they_showed;
pub use driver::{Driver, ManualClock, Tap};
pub use factory::Factory;
pub use harness::Harness;
pub use story::Story;
pub use turns::WholeLife;

use std::pin::Pin;

/// A running case.
pub type Run = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One property that every store must have.
pub struct Case {
    /// `subject::sentence`.
    pub name: &'static str,
    pub run: fn(Harness) -> Run,
}

/// Hands the names of all cases, by subject, to the macro `$then`; the one list from which both [`cases`] and a
/// driver's tests are made.
#[macro_export]
macro_rules! store_conformance_cases {
    ($then:ident) => {
        $then! {
            accept {
                an_accepted_order_reads_back_exactly
                what_may_be_absent_reads_back_absent
                the_first_events_stand_in_the_log_with_everything_on_them
                the_result_tells_each_order_apart_in_its_place
                an_order_short_of_stock_holds_nothing
                safety_stock_is_not_sold
                a_hot_sku_adds_up_over_a_batch
                the_last_unit_is_sold_once
                an_order_that_must_ask_the_inventory_leaves_nothing
                an_order_is_found_by_its_number_and_only_by_ours
            }
            bisection {
                an_order_at_fault_fails_alone_in_a_batch_of_64
                a_batch_in_which_all_are_at_fault_leaves_nothing
                the_log_and_its_listener_know_nothing_of_what_was_undone
                the_claims_of_an_order_at_fault_are_free_again
                a_decision_that_cannot_be_computed_fails_alone
                a_duplicate_of_an_order_at_fault_takes_its_place
            }
            claims {
                the_same_key_and_body_is_the_first_order_again
                the_same_key_with_another_body_is_taken
                the_same_key_many_times_in_one_batch_makes_one_order
                the_same_key_at_the_same_time_makes_one_order
                an_expired_claim_does_not_stand_in_the_way
                a_refused_order_gives_its_claims_back
                an_order_stopped_by_its_second_claim_gives_the_first_back
                an_order_is_found_by_its_claims_while_they_last
                a_duplicate_with_any_body_returns_the_first_order
                a_duplicate_of_an_order_that_came_to_nothing_is_a_new_order
                only_expired_claims_are_forgotten_and_all_of_them_in_the_end
            }
            clients {
                a_client_reads_back_and_its_id_is_taken_for_every_tenant
                of_many_that_make_a_client_at_once_one_does
                a_rotation_keeps_the_older_secret_and_the_third_one_ends_it
                a_change_decided_on_an_older_version_of_a_client_is_refused
                a_revoked_client_stays_and_its_id_is_not_given_again
                a_full_tenant_makes_room_by_the_client_that_was_revoked_first
                a_tenant_above_its_limit_makes_room_by_as_many_as_it_takes
                clients_are_listed_in_pages_and_each_tenant_has_its_own
                a_client_is_made_and_changed_once_per_key
                a_hash_that_cannot_be_read_is_a_damaged_row
            }
            turns {
                an_order_goes_from_confirmed_to_delivered_in_one_turn
                a_turn_under_a_lease_that_is_lost_leaves_nothing
                a_turn_decided_on_an_older_row_leaves_nothing
                status_goes_on_behind_what_others_appended_meanwhile
                a_turn_does_not_pass_an_event_of_a_parked_order_unseen
                an_order_that_is_asked_for_twice_is_found_twice
            }
            vendors {
                a_vendor_reads_back_with_its_terms
                a_vendor_is_changed_over_the_version_before_it_and_once_per_key
                a_removed_vendor_is_on_record_and_in_no_list
                vendors_in_use_are_those_of_all_tenants
                a_reading_is_recorded_beside_when_it_was_asked_for
                the_stock_of_a_vendor_is_read_in_pages
                what_a_vendor_says_is_a_movement_and_an_event
            }
            sourcing {
                an_order_that_vendors_are_asked_for_reads_back_with_its_sources
                units_leave_a_vendors_row_when_it_agrees_and_the_last_yes_confirms
                a_cancelled_order_keeps_its_units_until_the_vendor_has_answered
                an_answer_that_is_taken_in_twice_is_a_conflict
                a_figure_does_not_undo_what_was_agreed_to_since_it_was_asked_for
                a_vendor_that_is_not_in_use_is_not_drawn_on
                orders_past_their_time_are_those_that_still_wait
                targets_with_work_are_those_with_due_work_that_is_not_leased
            }
            tenants {
                the_same_key_of_two_tenants_makes_two_orders
                an_order_of_another_tenant_is_not_there
                events_of_another_tenant_are_not_in_the_feed
                dead_letters_of_another_tenant_can_neither_be_seen_nor_flagged
            }
            advance {
                a_change_is_written_whole
                a_change_decided_on_an_older_version_writes_nothing
                the_others_of_a_batch_are_done
                two_changes_of_one_order_follow_each_other
                units_that_leave_fall_from_both_and_units_given_back_from_one
                more_than_was_reserved_can_neither_leave_nor_be_given_back
                a_change_reserves_units_and_a_later_one_of_the_same_call_moves_them
                a_reservation_whose_stock_row_is_gone_is_a_fault_of_its_own_order
                a_finished_reservation_is_never_moved_again
                holds_are_placed_with_their_notes_and_released
                what_was_written_about_a_cancellation_is_personal_data
                a_shipment_is_made_once_per_order_vendor_and_attempt
                a_shipment_or_delivery_of_an_older_version_is_refused
            }
            copies {
                an_order_keeps_what_it_shows_of_its_shipments
                a_copy_alone_leaves_the_version_and_no_command_takes_it_back
                a_copy_decided_on_an_older_version_is_refused
            }
            apply {
                a_new_consumer_starts_at_the_beginning_of_the_log
                the_cursor_moves_with_the_effects
                a_batch_without_effects_moves_the_cursor_too
                the_same_batch_twice_is_applied_once
                a_batch_from_elsewhere_than_the_cursor_changes_nothing
                an_effect_that_conflicts_leaves_cursor_and_all_other_effects
                a_process_that_lost_the_lease_changes_nothing
                a_lease_of_an_unknown_consumer_is_fenced
                one_consumers_lease_does_not_fence_another
                a_change_of_a_parked_order_is_a_conflict_and_of_another_one_is_not
                an_event_is_parked_in_the_batch_that_changes_its_order_before_it
            }
            consume {
                a_batch_is_decided_on_the_rows_it_asks_for_and_written_with_the_cursor
                a_batch_that_was_decided_on_an_older_version_changes_nothing
                a_decision_learns_which_of_its_orders_are_parked
                a_batch_under_a_lease_that_was_lost_changes_nothing
                a_decision_that_panics_is_an_error_of_its_events_and_the_next_one_is_made
            }
            inbox {
                the_first_generation_of_a_source_is_adopted_and_a_later_one_waits
                processes_that_see_a_source_at_once_record_it_once
                an_event_is_taken_with_its_effect_and_not_again
                a_watermark_stays_when_its_effect_is_refused
                of_processes_that_take_an_event_at_once_one_does
                a_generation_that_was_adopted_goes_on_under_its_number
                an_order_parked_by_an_event_queues_the_later_ones_as_they_come
            }
            personal {
                what_comes_with_an_event_is_kept_in_its_transaction_and_never_replaced
            }
            held {
                an_event_waits_until_it_is_taken_with_the_missing_one
                letting_an_event_wait_and_taking_the_missing_one_do_not_miss_each_other
                an_event_is_due_once_its_watermark_has_come_up_to_it
                messages_that_wait_are_listed_one_per_key_for_their_tenant
                messages_of_two_tenants_with_one_key_are_listed_for_both
                a_message_that_waits_is_flagged_and_a_vain_try_takes_no_discard_back
            }
            leases {
                a_lease_is_one_owners_until_it_runs_out
                an_owner_that_says_it_is_alive_keeps_its_leases
                a_lease_that_ran_out_is_not_renewed
                who_is_alive_is_told_and_who_is_silent_forgotten
                a_lease_handed_back_is_free_at_once_and_only_its_owners_to_give
                who_leaves_is_no_member_and_holds_nothing
            }
            log {
                positions_rise_and_sequences_have_no_gap
                the_listener_hears_exactly_what_was_committed_in_its_order
                the_log_is_read_in_pages_of_any_size
                reading_some_kinds_passes_the_others
                no_consumer_passes_an_event_that_cannot_be_read
                the_events_of_one_order_are_read_in_pages
                the_feed_of_a_tenant_is_read_in_pages_and_says_how_far_it_came
                the_feed_of_a_tenant_with_little_passes_everything_of_others_at_once
            }
            once {
                a_change_with_a_key_is_written_once
                the_same_key_many_times_at_once_is_used_once
                the_outcome_of_a_stock_change_is_kept_with_its_key
                a_command_that_is_not_done_leaves_its_key_free
                a_key_is_free_again_when_it_has_expired
                keys_outlive_the_process
            }
            parked {
                a_parked_event_is_due_when_its_time_has_come_and_whole
                a_failed_try_is_counted_until_none_is_left
                a_dead_event_is_redriven_when_somebody_asks
                a_flag_with_a_key_is_set_once
                an_event_is_given_up_when_somebody_asks
                what_a_discard_leaves_is_explained_and_nothing_else_is
                a_discard_requested_during_a_try_stays_in_force
                an_order_is_unparked_only_when_its_queue_is_empty
                an_event_behind_another_is_not_settled_before_it
                an_effect_that_conflicts_leaves_the_event_parked
                parking_an_event_again_changes_nothing
                an_event_of_no_order_is_parked_too
                a_damaged_envelope_is_listed_and_discarded_and_stops_no_other
                dead_letters_are_listed_in_pages_one_per_order
            }
            work {
                due_work_of_a_target_is_leased_once
                work_is_leased_up_to_a_limit
                work_whose_lease_ran_out_is_leased_anew_and_its_former_holder_fenced
                failed_work_is_not_leased_before_it_is_due
                the_result_of_work_is_written_with_it_or_not_at_all
            }
            backorders {
                orders_that_wait_are_found_by_sku_in_the_order_in_which_they_came
                units_that_are_there_again_make_work_only_where_an_order_waits
                a_failed_order_that_is_retried_keeps_its_reservations_and_is_sourced_anew
                orders_that_are_not_confirmed_are_found_by_our_units_newest_first
                a_call_that_is_not_done_is_shown_with_its_tries
            }
            timers {
                timers_are_due_in_order_and_tell_when_the_next_one_is
                a_timer_is_gone_with_the_step_it_was_for_and_the_next_one_is_set
                a_timer_fired_under_a_lease_that_is_lost_changes_nothing
                a_timer_without_its_shipment_can_be_told_apart_and_cleared
                timers_outlive_the_process
            }
            stock {
                more_units_than_32_bits_hold_add_up
                counts_and_deltas_are_kept_with_their_event
                a_count_below_what_is_reserved_is_a_recorded_shortfall
                another_version_than_expected_is_refused
                of_many_that_want_to_make_a_row_one_does
                one_refusal_leaves_the_others_of_its_call
                rows_are_listed_in_pages_that_end_at_any_row
                only_our_own_warehouse_is_sold_at_intake
            }
            reconcile {
                a_row_is_mended_whatever_happened_to_it
                a_row_that_adds_up_is_not_written
                more_held_than_on_hand_is_refused_until_it_is_counted
                a_row_is_not_mended_on_a_damaged_order
                it_is_done_once_and_only_on_the_version_expected
                what_the_same_call_books_before_it_counts
                orders_and_counts_beside_it_keep_the_sum
            }
            relay {
                a_consumer_without_rows_moves_its_cursor_parks_and_settles
                every_event_is_read_up_to_the_first_that_cannot_be_read
                where_the_relay_began_is_decided_once
                orders_that_began_before_a_position_are_told_from_those_after
                what_a_person_asked_of_the_relay_outlives_the_process
                a_request_of_the_relay_with_a_key_is_kept_once
                only_the_holder_of_the_lease_says_how_far_a_replay_is
                parked_keys_are_counted_by_partition
            }
            lists {
                orders_are_listed_newest_first_in_pages_of_any_size
                every_filter_keeps_exactly_what_it_says
                a_list_of_nothing_ends
                a_tenant_without_anything_is_told_so_at_once_however_much_others_have
                a_tenant_with_one_order_finds_it_behind_all_of_others
                shipments_are_listed_newest_first_in_pages
                the_watchdog_finds_every_order_that_is_stuck_however_old
            }
            snapshot {
                every_page_is_what_the_log_amounts_to_at_its_place
                all_pages_and_the_log_after_the_first_one_tell_of_every_order
            }
            archive {
                finished_orders_leave_and_come_back_as_they_were
                an_order_that_something_waits_for_stays
                an_order_stays_while_anything_of_it_is_open
                orders_leave_in_pages_oldest_first
                what_an_archived_order_has_claimed_remains_its_own
                an_order_is_on_one_side_when_others_write_it_meanwhile
                damage_of_the_archive_is_found
            }
            samples {
                a_sample_reads_back_after_a_reopen_and_a_later_write_replaces_it
                samples_are_read_by_time_and_process_in_pages_of_any_size
                old_samples_are_removed_up_to_a_limit_and_those_of_another_step_stay
                a_damaged_sample_is_told_and_the_others_are_read
                what_a_store_appends_is_told_once
            }
            stats {
                an_empty_store_counts_nothing
                the_counters_equal_the_rows_after_a_random_story
            }
            reopen {
                everything_is_there_after_a_reopen
                numbers_and_positions_are_never_given_twice
                a_position_is_not_given_again_though_its_event_is_gone
                claims_cursors_and_parked_events_outlive_the_process
                a_closed_store_says_so
                closing_finishes_what_was_submitted
            }
            story {
                everything_adds_up_after_hundreds_of_steps
            }
            damage {
                a_lost_event_is_found
                a_hole_in_a_sequence_is_found
                a_hole_in_a_stock_rows_sequence_is_found
                a_status_its_events_do_not_amount_to_is_found
                a_version_its_events_do_not_reach_is_found
                a_step_the_table_does_not_allow_is_found
                an_event_that_cannot_be_read_is_found
                a_line_that_does_not_add_up_is_found
                a_line_its_events_do_not_amount_to_is_found
                an_order_without_events_is_found
                events_without_their_order_are_found
                an_order_without_lines_is_found
                an_order_without_content_is_found
                a_claim_without_its_order_is_found
                stock_sold_twice_is_found
                stock_that_appeared_from_nowhere_is_found
                a_reservation_without_a_stock_row_is_found
                reserved_units_without_a_reservation_are_found
                a_stock_row_that_is_gone_is_found
                a_shipment_without_events_is_found
                a_shipment_that_is_gone_is_found
                a_shipment_that_says_something_else_than_its_events_is_found
                a_time_that_no_event_has_is_found
                units_sent_twice_are_found
                units_sent_of_a_line_that_is_not_there_are_found
                a_copy_that_says_something_else_than_the_events_is_found
                a_copy_that_is_behind_what_the_order_has_taken_in_is_found
                a_copy_of_an_event_that_is_not_there_is_found
                a_copy_that_is_gone_is_found
                copies_that_cannot_be_read_are_found
                a_shipment_that_no_timer_moves_is_found
                a_shipment_after_the_tombstone_is_found
                a_cell_that_cannot_be_read_is_found_and_names_its_row
                a_row_that_cannot_be_read_is_answered_as_damaged
            }
        }
    };
}

macro_rules! listed {
    ($($subject:ident { $($case:ident)+ })+) => {
        vec![$($(Case {
            name: concat!(stringify!($subject), "::", stringify!($case)),
            run: |harness| Box::pin($subject::$case(harness)),
        }),+),+]
    };
}

/// Every case.
#[must_use]
pub fn cases() -> Vec<Case> {
    store_conformance_cases!(listed)
}
