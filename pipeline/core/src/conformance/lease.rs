//! What leases must do: one function for each behaviour, run on those that a [`Fixture`] makes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::log::both;
use crate::ports::lease::{Leases, Term};

/// Leases under test.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Another process's way to the same leases. They hold for a time, at least two seconds.
    async fn open(&self) -> Arc<dyn Leases>;

    /// Lets time pass.
    async fn advance(&self, by: Duration);
}

/// Makes one test of each behaviour: `lease_conformance_tests!(#[tokio::test] make)` where `make` is an
/// `async fn() -> impl Fixture` of leases nobody has used.
#[macro_export]
macro_rules! lease_conformance_tests {
    (#[$test:meta] $make:path) => {
        $crate::lease_conformance_tests! { @each #[$test] $make;
            a_lease_is_granted_to_one
            a_lease_runs_out_unless_it_is_renewed
            a_term_that_was_lost_cannot_be_renewed
            a_lease_that_is_given_back_is_free_at_once
            a_term_that_was_lost_gives_nothing_back
            members_are_those_who_give_signs_of_life
            a_change_is_told_to_others
            notes_stay_and_the_newest_counts
        }
    };
    (@each #[$test:meta] $make:path; $($behaviour:ident)+) => {
        $(
            #[$test]
            async fn $behaviour() {
                $crate::conformance::lease::$behaviour(&$make().await).await;
            }
        )+
    };
}

async fn ttl(leases: &dyn Leases) -> Duration {
    leases.ttl().expect("leases of several processes run out")
}

async fn acquire(leases: &dyn Leases, unit: &str, member: &str) -> Option<Term> {
    leases.acquire(unit, member).await.expect("an answer")
}

async fn owner(leases: &dyn Leases, unit: &str) -> Option<String> {
    leases.view().await.expect("a view").owners.get(unit).cloned()
}

/// Of two that ask, also at the same moment, one gets it; other units do not matter.
pub async fn a_lease_is_granted_to_one(fixture: &dyn Fixture) {
    let (a, b) = (fixture.open().await, fixture.open().await);
    for unit in ["job.w.0", "job.w.1", "sink.x"] {
        let (first, second) = both(acquire(&*a, unit, "a"), acquire(&*b, unit, "b")).await;
        assert!(first.is_some() != second.is_some(), "{unit}");
        let winner = first.or(second).expect("one of them");
        assert_eq!(winner.unit, unit);
        assert_eq!(owner(&*b, unit).await, Some(winner.member));
    }
}

/// A renewed one holds on, one that is not becomes free.
pub async fn a_lease_runs_out_unless_it_is_renewed(fixture: &dyn Fixture) {
    let (a, b) = (fixture.open().await, fixture.open().await);
    let ttl = ttl(&*a).await;
    let mut kept = acquire(&*a, "job.w.0", "a").await.expect("it is free");
    acquire(&*a, "job.w.1", "a").await.expect("it is free");
    for _ in 0..4 {
        fixture.advance(ttl / 2).await;
        kept = a.renew(&kept).await.expect("an answer").expect("it holds");
    }
    assert_eq!(acquire(&*b, "job.w.0", "b").await, None);
    assert_eq!(owner(&*b, "job.w.1").await, None);
    assert!(acquire(&*b, "job.w.1", "b").await.is_some());
}

/// Whoever comes back too late is told so.
pub async fn a_term_that_was_lost_cannot_be_renewed(fixture: &dyn Fixture) {
    let (a, b) = (fixture.open().await, fixture.open().await);
    let old = acquire(&*a, "job.w.0", "a").await.expect("it is free");
    fixture.advance(ttl(&*a).await * 2).await;
    assert_eq!(a.renew(&old).await.expect("an answer"), None, "it has run out");
    let new = acquire(&*b, "job.w.0", "b").await.expect("it is free again");
    assert_eq!(a.renew(&old).await.expect("an answer"), None, "it is another's");
    assert!(b.renew(&new).await.expect("an answer").is_some());
}

/// Giving back needs no waiting.
pub async fn a_lease_that_is_given_back_is_free_at_once(fixture: &dyn Fixture) {
    let (a, b) = (fixture.open().await, fixture.open().await);
    let term = acquire(&*a, "job.w.0", "a").await.expect("it is free");
    let term = a.renew(&term).await.expect("an answer").expect("it holds");
    a.release(&term).await.expect("given back");
    assert_eq!(owner(&*b, "job.w.0").await, None);
    assert!(acquire(&*b, "job.w.0", "b").await.is_some());
}

/// An old term is no title to the new owner's lease.
pub async fn a_term_that_was_lost_gives_nothing_back(fixture: &dyn Fixture) {
    let (a, b) = (fixture.open().await, fixture.open().await);
    let old = acquire(&*a, "job.w.0", "a").await.expect("it is free");
    fixture.advance(ttl(&*a).await * 2).await;
    acquire(&*b, "job.w.0", "b").await.expect("it is free again");
    a.release(&old).await.expect("no error");
    assert_eq!(owner(&*a, "job.w.0").await.as_deref(), Some("b"));
}

/// Those whose sign of life is not too old, and who have not left.
pub async fn members_are_those_who_give_signs_of_life(fixture: &dyn Fixture) {
    let (a, b) = (fixture.open().await, fixture.open().await);
    let ttl = ttl(&*a).await;
    let members = async |leases: &dyn Leases| leases.view().await.expect("a view").members.into_iter().collect::<Vec<_>>();
    assert_eq!(members(&*a).await, Vec::<String>::new());
    a.beat("a").await.expect("a sign of life");
    b.beat("b").await.expect("a sign of life");
    assert_eq!(members(&*a).await, ["a", "b"]);
    for _ in 0..4 {
        fixture.advance(ttl / 2).await;
        a.beat("a").await.expect("a sign of life");
    }
    assert_eq!(members(&*b).await, ["a"]);
    a.leave("a").await.expect("left");
    assert_eq!(members(&*b).await, Vec::<String>::new());
}

/// Whoever waits hears of leases given back and members that come and go, also of what came before it waited.
pub async fn a_change_is_told_to_others(fixture: &dyn Fixture) {
    let (a, b) = (fixture.open().await, fixture.open().await);
    a.beat("a").await.expect("a sign of life");
    let term = acquire(&*a, "job.w.0", "a").await.expect("it is free");
    let view = b.view().await.expect("a view");
    a.release(&term).await.expect("given back");
    b.changed(view.version).await;
    let view = b.view().await.expect("a view");
    both(b.changed(view.version), async { a.leave("a").await.expect("left") }).await;
}

/// Notes do not run out.
pub async fn notes_stay_and_the_newest_counts(fixture: &dyn Fixture) {
    let (a, b) = (fixture.open().await, fixture.open().await);
    assert!(a.notes().await.expect("notes").is_empty());
    a.note("floor.job.w.0", Bytes::from_static(b"1")).await.expect("noted");
    b.note("floor.job.w.1", Bytes::from_static(b"2")).await.expect("noted");
    a.note("floor.job.w.0", Bytes::from_static(b"3")).await.expect("noted");
    fixture.advance(ttl(&*a).await * 2).await;
    let notes = b.notes().await.expect("notes");
    assert_eq!(notes.into_iter().collect::<Vec<_>>(), [("floor.job.w.0".to_owned(), "3".into()), ("floor.job.w.1".to_owned(), "2".into())]);
}
