//! Which recipients a server has taken a mail for, while others are still to be tried.
//!
//! It is in memory only: after a restart those who have the mail may get it once more, with the same Message-ID.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use lettre::Address;

/// How many notifications are remembered; the oldest are forgotten first.
const NOTIFICATIONS_MAX: usize = 1_000;

/// What is remembered.
#[derive(Default)]
pub(super) struct Taken(Mutex<VecDeque<(String, Vec<Address>)>>);

impl Taken {
    /// Those who have the notification.
    pub(super) fn of(&self, notification: &str) -> Vec<Address> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.iter().find(|(id, _)| id == notification).map(|(_, who)| who.clone()).unwrap_or_default()
    }

    /// These have it too.
    pub(super) fn add(&self, notification: &str, who: Vec<Address>) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.iter_mut().find(|(id, _)| id == notification) {
            Some((_, all)) => all.extend(who),
            None => taken.push_back((notification.to_owned(), who)),
        }
        if taken.len() > NOTIFICATIONS_MAX {
            taken.pop_front();
        }
    }

    /// All are served.
    pub(super) fn forget(&self, notification: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(id, _)| id != notification);
    }
}
