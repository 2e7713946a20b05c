//! `[incidents]`: what becomes of alerts that belong together, whoever is told of them.

use std::time::Duration;

use floodmark_connectors::settings::{Fault, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::CENTURY;

/// The most alerts that a notification may list: mails and requests have limits of their own.
const ALERTS_MAX: u32 = 1_000;

/// Alerts that belong together: how long they are kept, and when something is said of them besides. `docs/guides/incidents.md` says how
/// they come to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Incidents {
    /// Incidents of other sources that open within this of each other are shown as related.
    #[serde(default = "five_minutes")]
    pub correlate: Span,
    /// An alert that becomes known so long after it fired is marked as late.
    #[serde(default = "five_minutes")]
    pub late_after: Span,
    /// An alert that flaps keeps its incident open for so long after it was over.
    #[serde(default = "quarter")]
    pub flapping_hold: Span,
    /// How long incidents are kept after they are over, with what was told of them.
    #[serde(default = "ninety_days")]
    pub retention: Span,
    /// How many alerts a notification lists; it says how many it leaves out.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    pub alerts_max: u32,
    /// A notification that its receiver has not taken for so long becomes a dead letter.
    #[serde(default = "day")]
    pub give_up: Span,
}

fn five_minutes() -> Span {
    Span::secs(5 * 60)
}

fn quarter() -> Span {
    Span::secs(15 * 60)
}

fn ninety_days() -> Span {
    Span::secs(90 * 86_400)
}

fn hundred() -> u32 {
    100
}

fn day() -> Span {
    Span::secs(86_400)
}

impl Default for Incidents {
    fn default() -> Self {
        Self {
            correlate: five_minutes(),
            late_after: five_minutes(),
            flapping_hold: quarter(),
            retention: ninety_days(),
            alerts_max: hundred(),
            give_up: day(),
        }
    }
}

impl Incidents {
    /// What cannot work.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let all = [
            ("correlate", self.correlate),
            ("late_after", self.late_after),
            ("flapping_hold", self.flapping_hold),
            ("retention", self.retention),
            ("give_up", self.give_up),
        ];
        let mut faults = Vec::new();
        for (key, _) in all.into_iter().filter(|(_, span)| span.0 > CENTURY) {
            faults.push(Fault::of(key, "this is more than 100 years", "write for example \"1h\""));
        }
        if self.retention.0 < Duration::from_secs(3_600) {
            faults.push(Fault::of("retention", "incidents would be gone before anybody looks", "write 1h or more"));
        }
        if self.give_up.0 < Duration::from_secs(1) {
            faults.push(Fault::of("give_up", "nothing would be tried twice", "write 1s or more, for example \"24h\""));
        }
        if !(1..=ALERTS_MAX).contains(&self.alerts_max) {
            let what = format!("{} alerts cannot be listed", self.alerts_max);
            faults.push(Fault::of("alerts_max", what, format!("write 1 to {ALERTS_MAX}")));
        }
        faults
    }
}
