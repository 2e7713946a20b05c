//! The document of a rollup. Every field is described in `docs/guides/mongodb.md`.

use std::collections::BTreeMap;

use ::mongodb::bson::{Bson, DateTime, Document, doc};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Aggregates, Availability, Rollup, Series, Timestamp, Window};
use serde::de::DeserializeOwned;

/// The first and the last millisecond that every client can read: the years 1 to 9999.
const DATES: (i64, i64) = (-62_135_596_800_000, 253_402_300_799_999);

/// The date of a time, for people and for indexes: never later than the time, and in the order of times. The exact time
/// stands beside it.
pub(super) fn date(time: Timestamp) -> DateTime {
    DateTime::from_millis(time.micros().div_euclid(1_000).clamp(DATES.0, DATES.1))
}

/// What a document is found by: readable, different for different windows and definitions, and among windows of one start in
/// the order of the answers.
pub(super) fn id(operator: &str, version: &str, source: &str, series_key: &str, window: Window) -> String {
    let Window { start, end } = window;
    format!("{} {series_key} {} {} {} {}", plain(source), plain(operator), fixed(start), fixed(end), plain(version))
}

/// A name without spaces, so that an id has one reading. Real names have none; others lose only their place in the order.
pub(super) fn plain(name: &str) -> String {
    let escape = |c: char| if c <= ' ' || c == '%' { format!("%{:02X}", c as u32) } else { c.to_string() };
    name.chars().map(escape).collect()
}

/// RFC 3339 with all six digits of the fraction, so that texts have the order of times.
pub(super) fn fixed(time: Timestamp) -> String {
    let text = time.to_string();
    match text.strip_suffix('Z') {
        Some(secs) if !secs.contains('.') => format!("{secs}.000000Z"),
        _ => text,
    }
}

/// The document of `rollup`, which stands at `position` of the output log.
pub(super) fn write(rollup: &Rollup, position: i64) -> Document {
    let Rollup { id: rollup_id, operator, version, source, series, window, revision, aggregates: a } = rollup;
    let key = series.key();
    let labels = labels(series);
    let mut document = doc! {
        "_id": id(operator, version, source, &key, *window),
        "operator": operator,
        "source": source,
        "metric": &series.metric,
        "unit": &series.unit,
        "labels": labels,
        "window_start": date(window.start),
        "window_end": date(window.end),
        "revision": i64::from(*revision),
        "count": a.count.cast_signed(),
    };
    for (name, value) in values(a) {
        document.extend(value.map(|value| (name.to_owned(), Bson::Double(value))));
    }
    if !a.quantiles.is_empty() {
        let quantiles: Document = a.quantiles.iter().map(|(level, value)| (quantile_name(level), Bson::Double(*value))).collect();
        document.insert("quantiles", quantiles);
    }
    write_structured(a, &mut document);
    document.extend(doc! {
        "series": key,
        "window_start_us": window.start.micros(),
        "window_end_us": window.end.micros(),
        "rollup_id": rollup_id,
        "version": version,
        "position": position,
    });
    document
}

/// The labels as an array: any characters may stand in names.
pub(super) fn labels(series: &Series) -> Vec<Bson> {
    series.labels.iter().map(|(k, v)| doc! { "k": k, "v": v }.into()).collect()
}

/// The aggregates that are a number or absent, by their names.
fn values(a: &Aggregates) -> [(&'static str, Option<f64>); 10] {
    [
        ("sum", a.sum),
        ("mean", a.mean),
        ("min", a.min),
        ("max", a.max),
        ("stddev", a.stddev),
        ("first", a.first),
        ("last", a.last),
        ("delta", a.delta),
        ("increase", a.increase),
        ("rate", a.rate),
    ]
}

/// Reads a document.
///
/// # Errors
/// `Broken` when it is not one of this store.
pub(super) fn read(document: &Document) -> Result<Rollup> {
    let not_ours = || {
        let id = document.get("_id").map(ToString::to_string).unwrap_or_default();
        format!("the document {id} is not a rollup that Floodmark wrote; delete it, or name another `collection`")
    };
    parts(document).map_err(|e| Error::broken(not_ours()).because(e))
}

fn parts(document: &Document) -> Result<Rollup, Box<dyn std::error::Error + Send + Sync>> {
    let text = |name: &str| document.get_str(name).map(str::to_owned);
    let time = |name: &str| document.get_i64(name).map(Timestamp::from_micros);
    let value = |name: &str| document.get(name).map(|_| document.get_f64(name)).transpose();
    let mut quantiles = BTreeMap::new();
    if let Some(found) = document.get("quantiles") {
        for (name, value) in found.as_document().ok_or("its quantiles are not a document")? {
            let level = quantile_level(name).ok_or_else(|| format!("{name:?} is not a quantile"))?;
            quantiles.insert(level, value.as_f64().ok_or_else(|| format!("its quantile {name} is not a double"))?);
        }
    }
    Ok(Rollup {
        id: text("rollup_id")?,
        operator: text("operator")?,
        version: text("version")?,
        source: text("source")?,
        series: Series::from_key(document.get_str("series")?)?.into(),
        window: Window { start: time("window_start_us")?, end: time("window_end_us")? },
        revision: u32::try_from(document.get_i64("revision")?)?,
        aggregates: Aggregates {
            count: document.get_i64("count")?.cast_unsigned(),
            sum: value("sum")?,
            mean: value("mean")?,
            min: value("min")?,
            max: value("max")?,
            stddev: value("stddev")?,
            first: value("first")?,
            last: value("last")?,
            quantiles,
            delta: value("delta")?,
            increase: value("increase")?,
            rate: value("rate")?,
            distinct: document.get("distinct").map(|_| document.get_i64("distinct")).transpose()?.map(i64::cast_unsigned),
            availability: structured(document, "availability")?,
            top: structured(document, "top")?.unwrap_or_default(),
            histogram: structured(document, "histogram")?.unwrap_or_default(),
        },
    })
}

/// The aggregates that are more than a number.
fn write_structured(a: &Aggregates, document: &mut Document) {
    if let Some(distinct) = a.distinct {
        document.insert("distinct", distinct.cast_signed());
    }
    if let Some(Availability { up, observed }) = a.availability {
        document.insert("availability", doc! { "up": up, "observed": observed });
    }
    if !a.top.is_empty() {
        let top: Vec<Document> = a.top.iter().map(|r| doc! { "name": &r.name, "amount": r.amount, "error": r.error }).collect();
        document.insert("top", top);
    }
    if !a.histogram.is_empty() {
        let buckets: Vec<Document> = a.histogram.iter().map(|b| doc! { "le": b.le, "count": b.count.cast_signed() }).collect();
        document.insert("histogram", buckets);
    }
}

/// One of them, when it is there.
fn structured<T: DeserializeOwned>(document: &Document, name: &str) -> Result<Option<T>, ::mongodb::bson::error::Error> {
    document.get(name).map(|value| ::mongodb::bson::deserialize_from_bson(value.clone())).transpose()
}

/// What stands before a level that has no name as a percentile.
const OTHER: &str = "level ";
/// What a name of a field does not hold: a point and a dollar mean something in queries, a zero ends the name.
const NOT_IN_NAMES: [char; 4] = ['%', '.', '$', '\0'];

/// The field of a quantile: `p99` of `0.99`, `p99_9` of `0.999`, `p100` of `1`. A point in it would part it in queries.
fn quantile_name(level: &str) -> String {
    let name = match level {
        "0" => "p00".to_owned(),
        "1" => "p100".to_owned(),
        _ => match level.strip_prefix("0.").unwrap_or_default() {
            digits if digits.len() <= 2 => format!("p{digits:0<2}"),
            digits if digits.is_ascii() => format!("p{}_{}", &digits[..2], &digits[2..]),
            _ => String::new(),
        },
    };
    if percentile_level(&name).as_deref() == Some(level) {
        return name;
    }
    let plain = |c: char| if NOT_IN_NAMES.contains(&c) { format!("%{:02X}", c as u32) } else { c.to_string() };
    level.chars().map(plain).fold(OTHER.to_owned(), |name, part| name + &part)
}

/// The level of a field that [`quantile_name`] gave.
fn quantile_level(name: &str) -> Option<String> {
    let Some(escaped) = name.strip_prefix(OTHER) else { return percentile_level(name) };
    let escapes = NOT_IN_NAMES[1..].iter().chain(&NOT_IN_NAMES[..1]);
    Some(escapes.fold(escaped.to_owned(), |text, c| text.replace(&format!("%{:02X}", *c as u32), &c.to_string())))
}

fn percentile_level(name: &str) -> Option<String> {
    let digits = name.strip_prefix('p')?;
    let (whole, fraction) = digits.split_once('_').unwrap_or((digits, ""));
    if !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit()) {
        return None;
    }
    match (whole, fraction) {
        ("100", "") => Some("1".to_owned()),
        ("00", "") => Some("0".to_owned()),
        _ if whole.len() == 2 => Some(format!("0.{}", format!("{whole}{fraction}").trim_end_matches('0'))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_named_as_percentiles_and_every_level_comes_back() {
        for (level, name) in [
            ("0.5", "p50"),
            ("0.99", "p99"),
            ("0.999", "p99_9"),
            ("0.05", "p05"),
            ("0.001", "p00_1"),
            ("1", "p100"),
            ("0", "p00"),
            ("0.50", "level 0%2E50"),
            ("0.", "level 0%2E"),
            ("%2E$.\0", "level %252E%24%2E%00"),
            ("", "level "),
            ("0.ü1", "level 0%2Eü1"),
        ] {
            assert_eq!(quantile_name(level), name);
            assert_eq!(quantile_level(name).as_deref(), Some(level));
        }
        for name in ["p", "p1", "p101", "p9a", "99", "p+9"] {
            assert_eq!(quantile_level(name), None, "{name}");
        }
    }

    #[test]
    fn dates_keep_the_order_of_times_and_stay_readable() {
        let times =
            [i64::MIN, -62_135_596_800_000_001, -1_001, -1, 0, 999, 1_000, 253_402_300_799_999_999, 253_402_300_800_000_000, i64::MAX];
        let dates = times.map(|micros| date(Timestamp::from_micros(micros)).timestamp_millis());
        let (first, last) = DATES;
        assert_eq!(dates, [first, first, -2, -1, 0, 0, 1, last, last, last]);
    }

    #[test]
    fn different_windows_have_different_ids() {
        let window = |start, end| Window { start: Timestamp::from_micros(start), end: Timestamp::from_micros(end) };
        let key = Series::new("load").label("core", "0").key();
        let usual = id("w1m", "1a2b3c4d", "host", &key, window(0, 60_000_000));
        assert_eq!(
            usual,
            r#"host {"metric":"load","labels":{"core":"0"}} w1m 1970-01-01T00:00:00.000000Z 1970-01-01T00:01:00.000000Z 1a2b3c4d"#
        );
        assert_ne!(id("b", "v", "a {} b", "{}", window(0, 1)), id("b {} b", "v", "a", "{}", window(0, 1)));
        assert_ne!(id("a%20", "v", "c", &key, window(0, 1)), id("a ", "v", "c", &key, window(0, 1)));
        assert_ne!(id("a", "v", "c", &key, window(0, 1)), id("a", "v", "c", &key, window(0, 2)));
        assert_ne!(id("a", "v", "c", &key, window(0, 1)), id("a", "w", "c", &key, window(0, 1)));
    }

    #[test]
    fn ids_have_the_order_of_the_answers() {
        let key = |metric: &str| Series::new(metric).key();
        let mut expected = Vec::new();
        for source in ["a", "a-b", "ab", "b"] {
            for series in [key("a"), key("a b"), key("ab")] {
                for operator in ["w", "w1", "w_1"] {
                    for end in [1, 999_999, 1_000_000, 1_000_001] {
                        let window = Window { start: Timestamp::from_micros(0), end: Timestamp::from_micros(end) };
                        expected.push(((source, series.clone(), operator, end), id(operator, "v", source, &series, window)));
                    }
                }
            }
        }
        expected.sort();
        assert!(expected.windows(2).all(|pair| pair[0].1 < pair[1].1));
    }
}
