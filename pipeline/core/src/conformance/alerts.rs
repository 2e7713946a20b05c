//! What every store of alerts must do: one function for each behaviour, run on a store that a [`Fixture`] makes.
//!
//! [`alert_conformance_tests!`](crate::alert_conformance_tests) makes one test of each function.

mod desk;
mod outbox;
mod questions;
mod samples;
mod turns;

use std::sync::Arc;

use async_trait::async_trait;

use crate::ports::{AlertQuery, AlertRequests, AlertStore};

pub use desk::*;
pub use outbox::*;
pub use questions::*;
pub use samples::{incident, notification, record};
pub use turns::*;

/// One store under test.
pub struct Stores {
    /// As its owner sees it.
    pub store: Arc<dyn AlertStore>,
    /// As those who want something see it.
    pub requests: Arc<dyn AlertRequests>,
    /// As those who ask see it.
    pub query: Arc<dyn AlertQuery>,
}

/// Makes the store under test.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Opens the store; the first time it is new and empty, later it holds what it held, as another process sees it.
    async fn open(&self) -> Stores;
}

/// Makes one test of each behaviour: `alert_conformance_tests!(#[tokio::test] make)` where `make` is an
/// `async fn() -> impl Fixture`.
#[macro_export]
macro_rules! alert_conformance_tests {
    (#[$test:meta] $make:path) => {
        $crate::alert_conformance_tests! { @each #[$test] $make;
            a_new_store_knows_nothing
            what_was_committed_is_there_for_the_next_owner
            a_repeated_commit_changes_nothing
            a_commit_of_another_turn_is_a_conflict
            an_owner_that_was_replaced_writes_nothing
            actions_are_done_in_order_and_answered_once
            notifications_of_an_incident_go_to_a_receiver_one_after_the_other
            what_was_not_delivered_is_due_again_later
            tries_of_a_notification_may_be_stored_together
            what_is_set_aside_holds_nobody_up
            a_notification_that_comes_again_stays_as_it_is
            pages_of_alerts_and_incidents_equal_the_oracle
            one_is_found_by_the_beginning_of_its_id
            steps_and_decisions_come_back_in_order
            an_alert_that_comes_again_without_an_incident_stays_in_the_one_it_was_in
            what_is_old_and_over_is_forgotten
            a_desk_tells_the_same_whoever_goes_on
        }
    };
    (@each #[$test:meta] $make:path; $($behaviour:ident)+) => {
        $(
            #[$test]
            async fn $behaviour() {
                $crate::conformance::alerts::$behaviour(&$make().await).await;
            }
        )+
    };
}
