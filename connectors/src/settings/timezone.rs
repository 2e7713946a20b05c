//! Time zones by their name.

use std::fmt;

use floodmark_core::window::Zone;
use floodmark_schemas::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of a time zone that there is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline, with = "String", extend("examples" = ["Europe/Berlin", "UTC"]))]
pub struct Timezone(Zone);

impl Timezone {
    /// The time zone.
    pub fn zone(&self) -> &Zone {
        &self.0
    }

    /// A time as people of the zone write it, to the second: `2026-01-31 13:00:00 CET`.
    pub fn text(&self, time: Timestamp) -> String {
        match jiff::Timestamp::from_microsecond(time.micros()) {
            Ok(time) => time.to_zoned(self.0.rules().clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
            Err(_) => time.to_string(),
        }
    }
}

impl Default for Timezone {
    fn default() -> Self {
        Self(Zone::named("UTC").expect("every database has UTC"))
    }
}

impl fmt::Display for Timezone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl TryFrom<String> for Timezone {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        Zone::named(&name).map(Self).map_err(|_| match Zone::near(&name) {
            Some(near) => format!("there is no time zone {name:?}; did you mean {near:?}?"),
            None => format!("there is no time zone {name:?}; write for example \"Europe/Berlin\" or \"UTC\""),
        })
    }
}

impl From<Timezone> for String {
    fn from(timezone: Timezone) -> Self {
        timezone.0.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_the_zone_with_its_summer_time() {
        let text = |zone: &str, time: &str| Timezone::try_from(zone.to_owned()).unwrap().text(Timestamp::parse(time).unwrap());
        assert_eq!(text("Europe/Berlin", "2026-01-31T12:00:00.9Z"), "2026-01-31 13:00:00 CET");
        assert_eq!(text("Europe/Berlin", "2026-07-31T12:00:00Z"), "2026-07-31 14:00:00 CEST");
        assert_eq!(text("UTC", "2026-07-31T12:00:00Z"), "2026-07-31 12:00:00 UTC");
        assert_eq!(Timezone::default().text(Timestamp::MAX), Timestamp::MAX.to_string());
    }
}
