//! The settings of `type = "calendar"`: days, weeks and months of a time zone.

use std::time::Duration;

use floodmark_connectors::settings::{Fault, Span, Timezone};
use floodmark_core::window::Unit as CoreUnit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::windows::windows;

windows! {
    /// Days, weeks or months of a time zone. The day on which clocks are changed has 23 or 25 hours.
    ///
    /// The rules of time zones come with the program and are the same on every machine; when a new version of the program brings
    /// new rules, the operator counts as changed.
    Calendar {
        /// From midnight to midnight, from Monday to Sunday, or from the first to the last of a month.
        unit: Unit,
        /// The time zone by its name in the IANA database.
        timezone: Timezone,
        /// The operator whose windows these are made of; events when absent. The shorter windows must fill the longer ones, and
        /// have the aggregates that are asked for here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
    }
}

impl Calendar {
    /// What cannot work.
    pub fn validate(&self) -> Vec<Fault> {
        self.windows().validate()
    }
}

/// A part of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Unit {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday.
    Week,
    /// From the first to the last.
    Month,
}

impl Unit {
    /// The same in the words of the core.
    pub fn core(self) -> CoreUnit {
        match self {
            Self::Day => CoreUnit::Day,
            Self::Week => CoreUnit::Week,
            Self::Month => CoreUnit::Month,
        }
    }

    /// The longest that one can be.
    pub fn longest(self) -> Span {
        let (days, hour) = (|days: u64| Duration::from_secs(days * 86_400), Duration::from_secs(3_600));
        Span(
            hour + days(if self == Self::Day {
                1
            } else if self == Self::Week {
                7
            } else {
                31
            }),
        )
    }
}
