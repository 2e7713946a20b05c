//! The configuration of an `open_meteo` source.

use std::collections::BTreeSet;
use std::time::Duration;

use floodmark_core::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::settings::{Fault, Secret, Span};
use crate::sources::http_client::{base_url, join};

const PUBLIC_URL: &str = "https://api.open-meteo.com";
/// Where requests with a key go.
const CUSTOMER_URL: &str = "https://customer-api.open-meteo.com";
/// How many places one request may ask for.
const PLACES_MAX: usize = 100;
/// How far forecasts reach.
const FORECAST_HOURS_MAX: u16 = 384;
const EVERY_MIN_PUBLIC: Duration = Duration::from_secs(60);
const EVERY_MIN: Duration = Duration::from_secs(1);
/// What the public service answers in a day without a key; every place counts, and every ten variables.
const CALLS_PER_DAY_WITHOUT_KEY: f64 = 10_000.0;

/// Watches the weather of places (data of open-meteo.com: CC BY 4.0, without a key for non-commercial use only).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The places, up to 100: `[{ name = "Berlin", latitude = 52.52, longitude = 13.41 }]`.
    pub places: Vec<Place>,
    /// The variables of the weather now that become samples, by the names of <https://open-meteo.com/en/docs>.
    #[serde(default = "current")]
    pub current: Vec<String>,
    /// The variables of the hourly forecast that become samples `<variable>_forecast`, with the label `horizon`.
    #[serde(default)]
    pub hourly: Vec<String>,
    /// How many hours ahead the forecast is told, 1 to 384.
    #[serde(default = "forecast_hours")]
    pub forecast_hours: u16,
    /// How often to ask, aligned to the full hour plus up to 30 s. The values change every 15 minutes.
    #[serde(default = "every")]
    pub every: Span,
    /// The key of a paid plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apikey: Option<Secret>,
    /// The address of the API; with a key the default is `"https://customer-api.open-meteo.com"`.
    #[serde(default = "public_url")]
    pub base_url: String,
    /// How long one request may take.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

/// A place on earth.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its name: the label `place` of its samples and the target of its checks.
    pub name: String,
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
}

impl Place {
    /// Tells it from other places, also when one is renamed or moved in the configuration.
    pub fn key(&self) -> String {
        format!("{}@{},{}", self.name, self.latitude, self.longitude)
    }
}

fn current() -> Vec<String> {
    // Ten variables count as one call.
    [
        "temperature_2m",
        "relative_humidity_2m",
        "apparent_temperature",
        "precipitation",
        "weather_code",
        "cloud_cover",
        "pressure_msl",
        "wind_speed_10m",
        "wind_direction_10m",
        "wind_gusts_10m",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn forecast_hours() -> u16 {
    24
}

fn every() -> Span {
    Span::secs(900)
}

fn public_url() -> String {
    PUBLIC_URL.to_owned()
}

fn timeout() -> Span {
    Span::secs(30)
}

impl Config {
    /// What cannot work. Reads no secret.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = self.faults_of_places();
        if self.current.is_empty() {
            faults.push(Fault::of(
                "current",
                "no variable would be asked for",
                "write at least one, or remove `current` for the usual ones",
            ));
        }
        for (key, names) in [("current", &self.current), ("hourly", &self.hourly)] {
            let plain = |name: &str| !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
            let bad = names.iter().enumerate().filter(|(_, name)| !plain(name));
            faults.extend(bad.map(|(i, name)| {
                Fault::of(key, format!("{name:?} is not the name of a variable"), "see https://open-meteo.com/en/docs").entry(i)
            }));
        }
        if !(1..=FORECAST_HOURS_MAX).contains(&self.forecast_hours) {
            let what = format!("forecasts do not reach {} hours", self.forecast_hours);
            faults.push(Fault::of("forecast_hours", what, format!("write 1 to {FORECAST_HOURS_MAX}")));
        }
        if self.timeout.0.is_zero() {
            faults.push(Fault::of("timeout", "no request could be answered in time", "write for example \"30s\""));
        }
        match base_url(&self.base_url) {
            Err(e) => faults.push(Fault::of("base_url", e.chain(), format!("write for example {PUBLIC_URL:?}"))),
            Ok(url) => {
                let public = url.host_str().is_some_and(|host| host == "open-meteo.com" || host.ends_with(".open-meteo.com"));
                faults.extend(self.fault_of_rate(public));
            }
        }
        faults
    }

    fn faults_of_places(&self) -> Vec<Fault> {
        if self.places.is_empty() || self.places.len() > PLACES_MAX {
            let example = r#"{ name = "Berlin", latitude = 52.52, longitude = 13.41 }"#;
            let remedy = format!("write 1 to {PLACES_MAX}, such as places = [{example}]");
            return vec![Fault::of("places", format!("{} places cannot be asked for", self.places.len()), remedy)];
        }
        let mut faults = Vec::new();
        let mut names = BTreeSet::new();
        for (i, place) in self.places.iter().enumerate() {
            let at = |key: &str, what: String, remedy: String| Fault::of("places", what, remedy).entry(i).key(key);
            if place.name.trim().is_empty() {
                faults.push(at("name", "the name is empty".to_owned(), "give each place its own".to_owned()));
            } else if !names.insert(&place.name) {
                faults.push(at("name", format!("{:?} is there twice", place.name), "give each place its own name".to_owned()));
            }
            for (key, value, most) in [("latitude", place.latitude, 90.0), ("longitude", place.longitude, 180.0)] {
                if !(-most..=most).contains(&value) {
                    faults.push(at(key, format!("{value} is not on earth"), format!("write -{most} to {most}")));
                }
            }
        }
        faults
    }

    fn fault_of_rate(&self, public: bool) -> Option<Fault> {
        let least = Span(if public { EVERY_MIN_PUBLIC } else { EVERY_MIN });
        if self.every < least {
            return Some(Fault::of("every", format!("{} is too often", self.every), format!("write \"{least}\" or more")));
        }
        let weight = ((self.current.len() + self.hourly.len()) as f64 / 10.0).max(1.0) * self.places.len() as f64;
        let calls = 86_400.0 / self.every.0.as_secs_f64() * weight;
        if !public || self.apikey.is_some() || calls <= CALLS_PER_DAY_WITHOUT_KEY {
            return None;
        }
        let what = format!(
            "{} places every {} count as {calls:.0} calls a day, but without a key there are {CALLS_PER_DAY_WITHOUT_KEY}",
            self.places.len(),
            self.every
        );
        let minutes = (1440.0 * weight / CALLS_PER_DAY_WITHOUT_KEY).ceil();
        Some(Fault::of("every", what, format!("set `apikey`, or every = \"{minutes}m\" or more")))
    }

    /// The address of the one request. Times are asked for in seconds since the epoch: local times without an offset are
    /// ambiguous when clocks are changed.
    ///
    /// # Errors
    /// `Broken` when `base_url` is not an address.
    pub fn request(&self, apikey: Option<&str>) -> Result<Url> {
        let base = if self.apikey.is_some() && self.base_url == PUBLIC_URL { CUSTOMER_URL } else { &self.base_url };
        let mut url = join(&base_url(base)?, ["v1", "forecast"]);
        let list = |of: fn(&Place) -> f64| self.places.iter().map(|place| of(place).to_string()).collect::<Vec<_>>().join(",");
        let mut query = vec![
            ("latitude", list(|place| place.latitude)),
            ("longitude", list(|place| place.longitude)),
            ("current", self.current.join(",")),
        ];
        if !self.hourly.is_empty() {
            query.push(("hourly", self.hourly.join(",")));
            // The hours begin with the running one, which is no longer ahead.
            query.push(("forecast_hours", (self.forecast_hours + 1).to_string()));
        }
        query.extend([("timezone", "GMT".to_owned()), ("timeformat", "unixtime".to_owned())]);
        query.extend(apikey.map(|key| ("apikey", key.to_owned())));
        // Commas need no escape in a query, and people read these addresses.
        let text = query.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect::<Vec<_>>().join("&");
        url.set_query(Some(&text));
        Ok(url)
    }
}

fn escaped(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>().replace("%2C", ",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> Config {
        serde_json::from_str(json).unwrap()
    }

    fn check(json: &str, expected: &str) {
        let found: Vec<String> = config(json).validate().iter().map(Fault::to_string).collect();
        assert_eq!(found, [expected], "{json}");
    }

    const BERLIN: &str = r#"{"name":"Berlin","latitude":52.52,"longitude":13.41}"#;

    #[test]
    fn the_request_asks_for_everything_at_once_and_in_utc() {
        let two = config(&format!(
            r#"{{"places":[{BERLIN},{{"name":"Sydney","latitude":-33.87,"longitude":151.2}}],"current":["rain","snowfall"],"hourly":["rain"]}}"#
        ));
        assert_eq!(two.validate(), []);
        assert_eq!(
            two.request(None).unwrap().as_str(),
            "https://api.open-meteo.com/v1/forecast?latitude=52.52,-33.87&longitude=13.41,151.2&current=rain,snowfall&hourly=rain&forecast_hours=25&timezone=GMT&timeformat=unixtime"
        );
        let own = config(&format!(r#"{{"places":[{BERLIN}],"current":["rain"],"base_url":"http://h:1/prefix/","apikey":{{"env":"K"}}}}"#));
        assert_eq!(
            own.request(Some("a&b,c")).unwrap().as_str(),
            "http://h:1/prefix/v1/forecast?latitude=52.52&longitude=13.41&current=rain&timezone=GMT&timeformat=unixtime&apikey=a%26b,c"
        );
        let paid = config(&format!(r#"{{"places":[{BERLIN}],"apikey":{{"env":"K"}}}}"#));
        assert_eq!(paid.request(None).unwrap().host_str(), Some("customer-api.open-meteo.com"));
    }

    #[test]
    fn each_error_names_the_setting_and_the_remedy() {
        check(
            r#"{"places":[]}"#,
            r#"`places`: 0 places cannot be asked for (write 1 to 100, such as places = [{ name = "Berlin", latitude = 52.52, longitude = 13.41 }])"#,
        );
        check(
            &format!(r#"{{"places":[{BERLIN},{BERLIN}]}}"#),
            r#"`places.1.name`: "Berlin" is there twice (give each place its own name)"#,
        );
        check(r#"{"places":[{"name":" ","latitude":0,"longitude":0}]}"#, "`places.0.name`: the name is empty (give each place its own)");
        check(r#"{"places":[{"name":"a","latitude":123,"longitude":0}]}"#, "`places.0.latitude`: 123 is not on earth (write -90 to 90)");
        check(
            r#"{"places":[{"name":"a","latitude":0,"longitude":-181}]}"#,
            "`places.0.longitude`: -181 is not on earth (write -180 to 180)",
        );
        check(
            &format!(r#"{{"places":[{BERLIN}],"current":[]}}"#),
            "`current`: no variable would be asked for (write at least one, or remove `current` for the usual ones)",
        );
        check(
            &format!(r#"{{"places":[{BERLIN}],"hourly":["a b"]}}"#),
            r#"`hourly.0`: "a b" is not the name of a variable (see https://open-meteo.com/en/docs)"#,
        );
        check(
            &format!(r#"{{"places":[{BERLIN}],"forecast_hours":0}}"#),
            "`forecast_hours`: forecasts do not reach 0 hours (write 1 to 384)",
        );
        check(&format!(r#"{{"places":[{BERLIN}],"every":"30s"}}"#), r#"`every`: 30s is too often (write "1m" or more)"#);
        let many = (0..10).map(|i| format!(r#"{{"name":"{i}","latitude":0,"longitude":0}}"#)).collect::<Vec<_>>().join(",");
        check(
            &format!(r#"{{"places":[{many}],"every":"1m"}}"#),
            r#"`every`: 10 places every 1m count as 14400 calls a day, but without a key there are 10000 (set `apikey`, or every = "2m" or more)"#,
        );
    }
}
