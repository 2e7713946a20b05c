//! What every store must do: one function for each behaviour, run on a store that a [`Fixture`] makes.
//!
//! [`store_conformance_tests!`](crate::store_conformance_tests) makes one test of each function; a store that holds only
//! rollups, dead letters or series has a macro of its own.

mod answers;
mod by_id;
mod definitions;
mod entries;
mod retractions;
mod scores;
mod series;
mod writes;

use std::sync::Arc;

use async_trait::async_trait;

use crate::Result;
use crate::ports::{Page, ResultSetQuery, Sink, StoreQuery};

pub use answers::*;
pub use by_id::*;
pub use definitions::*;
pub use entries::{commit_entry, dead_letter_entry, entry, frame_entry, shard_entry};
pub use retractions::*;
pub use scores::*;
pub use series::*;
pub use writes::*;

/// One store under test, with a sink of each kind over it. Each sink has a position of its own.
pub struct Stores {
    /// Takes `floodmark.outputs.>`.
    pub rollups: Arc<dyn Sink>,
    /// Takes `floodmark.outputs.>` too.
    pub scores: Arc<dyn Sink>,
    /// Takes `floodmark.dead.>`.
    pub dead_letters: Arc<dyn Sink>,
    /// Takes `floodmark.events.>`.
    pub catalog: Arc<dyn Sink>,
    /// Answers from what they wrote.
    pub query: Arc<dyn StoreQuery>,
    /// Knows which results count, of rollups and of scores.
    pub result_sets: Arc<dyn ResultSetQuery>,
}

/// Makes the store under test.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Opens the store; the first time it is new and empty, later it holds what it held, as another process sees it.
    async fn open(&self) -> Stores;
}

/// Makes one test of each behaviour of a store that holds everything: `store_conformance_tests!(#[tokio::test] make)` where
/// `make` is an `async fn() -> impl Fixture`.
#[macro_export]
macro_rules! store_conformance_tests {
    (#[$test:meta] $make:path) => {
        $crate::rollup_conformance_tests! { #[$test] $make }
        $crate::score_conformance_tests! { #[$test] $make }
        $crate::dead_letter_conformance_tests! { #[$test] $make }
        $crate::series_conformance_tests! { #[$test] $make }
        $crate::store_conformance_tests! { @each #[$test] $make; a_series_without_events_is_not_known }
    };
    (@each #[$test:meta] $make:path; $($behaviour:ident)+) => {
        $(
            #[$test]
            async fn $behaviour() {
                $crate::conformance::store::$behaviour(&$make().await).await;
            }
        )+
    };
}

/// As [`store_conformance_tests!`], of a store that holds rollups: `Stores` has `rollups`, and `query` knows rollups and
/// what the sink set aside.
#[macro_export]
macro_rules! rollup_conformance_tests {
    (#[$test:meta] $make:path) => {
        $crate::store_conformance_tests! { @each #[$test] $make;
            rollups_come_back_as_they_were_written
            the_highest_revision_stands_whatever_the_order
            a_retracted_rollup_is_left_out
            a_rollup_is_found_by_its_id
            claims_leave_no_rows
            a_repeated_write_changes_nothing
            a_write_of_rollups_from_another_position_is_a_conflict
            positions_and_rollups_outlive_the_process
            a_commit_that_cannot_be_read_becomes_a_dead_letter
            rollup_pages_equal_the_oracle
            labels_match_with_any_characters
            a_page_of_another_question_about_rollups_is_rejected
            rows_that_come_between_pages_neither_repeat_nor_hide_others
        }
    };
}

/// As [`store_conformance_tests!`], of a store that holds scores: `Stores` has `scores` and `rollups`, and `query` knows
/// both and what the sinks set aside.
#[macro_export]
macro_rules! score_conformance_tests {
    (#[$test:meta] $make:path) => {
        $crate::store_conformance_tests! { @each #[$test] $make;
            scores_come_back_as_they_were_written
            the_highest_revision_of_a_score_stands_whatever_the_order
            a_score_is_found_by_its_id
            results_of_a_changed_operator_take_over_at_once
            replaced_results_can_be_dropped
            scores_and_rollups_of_one_commit_go_to_their_own_sinks
            a_write_of_scores_from_another_position_is_a_conflict
            a_score_that_cannot_be_read_becomes_a_dead_letter
            score_pages_equal_the_oracle
            a_page_of_another_question_about_scores_is_rejected
        }
    };
}

/// As [`store_conformance_tests!`], of a store that holds dead letters: `Stores` has `dead_letters`, and `query` knows them.
#[macro_export]
macro_rules! dead_letter_conformance_tests {
    (#[$test:meta] $make:path) => {
        $crate::store_conformance_tests! { @each #[$test] $make;
            dead_letters_come_newest_first
            a_dead_letter_that_cannot_be_read_becomes_one
            a_write_of_dead_letters_from_another_position_is_a_conflict
            a_page_of_another_question_about_dead_letters_is_rejected
        }
    };
}

/// As [`store_conformance_tests!`], of a store that holds the series: `Stores` has `catalog`, and `query` knows series and
/// what the sink set aside.
#[macro_export]
macro_rules! series_conformance_tests {
    (#[$test:meta] $make:path) => {
        $crate::store_conformance_tests! { @each #[$test] $make;
            series_are_known_from_frames_of_any_encoding
            series_of_all_shards_are_those_of_their_source
            series_pages_equal_the_oracle
            first_seen_is_exact_and_last_seen_within_a_minute
            a_frame_that_cannot_be_read_becomes_a_dead_letter
            a_write_of_series_from_another_position_is_a_conflict
            a_page_of_another_question_about_series_is_rejected
        }
    };
}

/// Texts that no store gives as the name of a page.
const NO_PAGES: [&str; 5] = ["", "1", "r1", "r1:0:0:0:0:0", "' OR 1=1"];

/// Asks page after page until there is none; `ask` is given the token and answers the page.
pub(super) async fn all_pages<T, F: Future<Output = Result<Page<T>>>>(limit: usize, ask: impl Fn(Option<String>) -> F) -> Vec<T> {
    let mut items = Vec::new();
    let mut token = None;
    loop {
        let page = ask(token).await.expect("the question is answered");
        assert!(page.items.len() <= limit, "a page is not longer than asked for");
        assert!(page.next.is_none() || page.items.len() == limit, "only the last page is short");
        items.extend(page.items);
        token = page.next;
        if token.is_none() {
            return items;
        }
    }
}
