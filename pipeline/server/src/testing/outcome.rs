//! How a test went.

use serde::Serialize;

use super::judge::Problem;
use crate::config::Place;

/// How a test went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// Whether everything was as expected.
    pub ok: bool,
    /// What was not.
    pub problems: Vec<Problem>,
    /// After a failure how far event time has come: operator, source and time. Why a window has not fired can be seen from it.
    pub event_time: Vec<(String, String, String)>,
}
