//! Why somebody was told, or was not: kept with the incident, for whoever asks later.

use floodmark_schemas::{NotificationReason, Severity, Timestamp};
use serde::{Deserialize, Serialize};

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub time: Timestamp,
    /// In which incident.
    pub incident: String,
    /// Of which alert, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// About telling whom, when it is about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiver: Option<String>,
    /// What was decided.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "decided", rename_all = "snake_case")]
pub enum Verdict {
    /// The alert opened the incident, or came to it, by these routes.
    Grouped {
        /// Names of routes; the root is empty.
        routes: Vec<String>,
        /// Whether it opened it.
        opened: bool,
    },
    /// No route that it takes leads to anybody.
    NoRoute,
    /// It became known long after it fired.
    Late {
        /// When it would have fired.
        fired: Timestamp,
    },
    /// It is told when others had time to come.
    Waiting {
        /// Until then.
        until: Timestamp,
    },
    /// It was told.
    Told {
        /// The notification.
        notification: String,
        /// Why.
        reason: NotificationReason,
    },
    /// Another alert keeps it silent.
    Inhibited {
        /// The inhibition or dependence, by its name.
        inhibition: String,
        /// The other alert.
        by: String,
        /// Whether it depends on the other.
        depends: bool,
    },
    /// A silence keeps it silent.
    Silenced {
        /// The silence.
        silence: String,
        /// Until then.
        until: Timestamp,
    },
    /// A maintenance window keeps it silent.
    InMaintenance {
        /// The window, by its name.
        window: String,
        /// Until then.
        until: Timestamp,
    },
    /// Nothing keeps it silent any more.
    Unmuted,
    /// It changes too often: single changes are not told.
    Flapping {
        /// It counts as active until then.
        until: Timestamp,
    },
    /// The receiver was told too much already.
    RateLimited {
        /// It waits until then.
        until: Timestamp,
    },
    /// All was over before this receiver was told.
    OverBefore,
    /// Somebody looks after it.
    Acknowledged {
        /// Who.
        by: String,
    },
    /// An alert is graver than all that were known when it was acknowledged.
    AcknowledgedNoMore {
        /// How grave it is.
        severity: Severity,
    },
    /// Nobody looks after it: another receiver is told.
    Escalated {
        /// Who.
        to: String,
    },
    /// The rule was changed or removed: this is no alert any more.
    RuleChanged {
        /// Which of the two.
        reason: String,
    },
    /// A silence that has kept alerts of it silent is over.
    SilenceOver {
        /// The silence.
        silence: String,
        /// Who made it.
        owner: String,
        /// How many of its alerts are still active and matched it.
        alerts: u32,
    },
    /// The receiver is not configured any more.
    ReceiverGone,
}
