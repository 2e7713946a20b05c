//! The settings of a file source.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::time::{TimeFormat, TimeReader};
use crate::settings::Fault;

/// Reads events or a table of numbers or checks from a file, with the times that stand in it. More in docs/guides/file.md.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file to read: one path, no pattern.
    pub path: PathBuf,
    /// `csv` or `ndjson`; by default what the file name ends with (`.csv`, `.tsv`, `.ndjson`, `.jsonl`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Keep reading as the file grows. By default the source ends at the end of the file.
    #[serde(default)]
    pub follow: bool,
    /// What parts the cells of a CSV file: one ASCII character; by default `,`, and a tab for `.tsv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// The column (CSV) or field (NDJSON) with the time of the event. Without it, lines of NDJSON are Floodmark's own events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// How times are written: `rfc3339`, `unix_s`, `unix_ms`, `unix_us`, or a pattern such as `%Y/%m/%d %H:%M`.
    #[serde(default)]
    pub time_format: TimeFormat,
    /// The time zone of times whose pattern has none, for example `Europe/Berlin`. Of a local time that comes twice the
    /// earlier is meant; one that is skipped is moved forward.
    #[serde(default = "utc")]
    pub timezone: String,
    /// The columns with numbers, each a series of its own: names, or tables of `column`, `metric` and `unit`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ValueColumn>,
    /// The column that names the metric, for files with one number a line. Then `values` has one column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// The columns that become labels of the same names. An empty cell gives no label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The column with an id that is unique in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The columns of a check, in place of `values`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckColumns>,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Cells in columns; the first line has their names. Quotes as in RFC 4180.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// A column with numbers: `"temp"`, or `{ column = "temp", metric = "temperature", unit = "Cel" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "ValueTable")]
pub struct ValueColumn {
    /// The column.
    pub column: String,
    /// The metric; by default named like the column.
    pub metric: String,
    /// The unit, UCUM-like; empty by default.
    pub unit: String,
}

/// The long form of a value column.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ValueTable {
    /// The column.
    column: String,
    /// The metric; by default named like the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metric: Option<String>,
    /// The unit, UCUM-like (`%`, `By`, `s`, `Cel`).
    #[serde(default)]
    unit: String,
}

impl From<ValueTable> for ValueColumn {
    fn from(table: ValueTable) -> Self {
        Self { metric: table.metric.unwrap_or_else(|| table.column.clone()), column: table.column, unit: table.unit }
    }
}

impl From<ValueColumn> for ValueTable {
    fn from(value: ValueColumn) -> Self {
        Self { column: value.column, metric: Some(value.metric), unit: value.unit }
    }
}

/// By hand, so that a mistake in a table is named and placed: an untagged enum would only say that nothing fits.
impl<'de> Deserialize<'de> for ValueColumn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;
        impl<'de> de::Visitor<'de> for Forms {
            type Value = ValueTable;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a column, or a table such as { column = \"temp\", metric = \"temperature\", unit = \"Cel\" }")
            }
            fn visit_str<E: de::Error>(self, column: &str) -> Result<ValueTable, E> {
                Ok(ValueTable { column: column.to_owned(), metric: None, unit: String::new() })
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<ValueTable, A::Error> {
                ValueTable::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(Forms).map(Self::from)
    }
}

impl JsonSchema for ValueColumn {
    fn schema_name() -> Cow<'static, str> {
        "ValueColumn".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<ValueTable>();
        json_schema!({ "anyOf": [{ "type": "string", "description": "The column; the metric has the same name" }, table] })
    }
}

/// Which columns make a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckColumns {
    /// The column with what was looked at.
    pub target: String,
    /// The column that says whether it was up.
    pub up: String,
    /// What `up` says of a target that is up; anything else is down. Case does not count.
    #[serde(default = "up_values")]
    pub up_values: Vec<String>,
    /// The column with the status code. 0 means that nothing was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The column with the duration in milliseconds. 0 of a target that is not up is no duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<String>,
}

fn up_values() -> Vec<String> {
    ["up", "true", "1", "ok"].map(str::to_owned).into()
}

impl Config {
    /// A file that is read with defaults.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            format: None,
            follow: false,
            delimiter: None,
            time: None,
            time_format: TimeFormat::default(),
            timezone: utc(),
            values: Vec::new(),
            metric: None,
            labels: Vec::new(),
            id: None,
            check: None,
        }
    }

    /// What cannot work. Opens nothing.
    pub fn validate(&self) -> Vec<Fault> {
        let format = self.resolved_format();
        let delimiter = if format == Ok(Format::Csv) { self.resolved_delimiter().err() } else { None };
        let mapped = match format {
            Ok(Format::Csv) => true,
            _ => self.is_mapped(),
        };
        let columns = if mapped { vec![self.time_column().err(), self.one_kind().err(), self.time_reader().err()] } else { Vec::new() };
        [format.err(), delimiter].into_iter().chain(columns).flatten().collect()
    }

    /// How the file is written.
    pub(super) fn resolved_format(&self) -> Result<Format, Fault> {
        match (self.format, self.extension().as_str()) {
            (Some(format), _) => Ok(format),
            (None, "csv" | "tsv") => Ok(Format::Csv),
            (None, "ndjson" | "jsonl") => Ok(Format::Ndjson),
            _ => Err(Fault::of("path", "the file's name does not say what it holds", "set format = \"csv\" or format = \"ndjson\"")),
        }
    }

    pub(super) fn resolved_delimiter(&self) -> Result<u8, Fault> {
        match self.delimiter {
            Some(c) if c.is_ascii() && !matches!(c, '"' | '\n' | '\r') => Ok(c as u8),
            Some(c) => {
                let what = format!("{c:?} cannot part cells");
                Err(Fault::of("delimiter", what, "write one ASCII character other than a quote or line end"))
            }
            None if self.extension() == "tsv" => Ok(b'\t'),
            None => Ok(b','),
        }
    }

    /// The column with the time, which every mapping needs.
    pub(super) fn time_column(&self) -> Result<&String, Fault> {
        self.time.as_ref().ok_or_else(|| Fault::of("time", "the key `time` is missing", "name the column that holds the time"))
    }

    /// Whether the columns make either samples or checks.
    pub(super) fn one_kind(&self) -> Result<(), Fault> {
        let fault = |key, what, remedy| Err(Fault::of(key, what, remedy));
        match &self.check {
            Some(_) if !self.values.is_empty() || self.metric.is_some() => fault(
                "check",
                "`check` makes checks of the lines, `values` and `metric` samples",
                "keep one, or read the file by two sources",
            ),
            None if self.values.is_empty() => {
                fault("values", "the key `values` is missing", "name the columns that hold numbers, or set `check`")
            }
            None if self.metric.is_some() && self.values.len() > 1 => {
                fault("values", "with `metric` the file has one number a line", "name one column")
            }
            _ => Ok(()),
        }
    }

    pub(super) fn time_reader(&self) -> Result<TimeReader, Fault> {
        let zone = &self.timezone;
        TimeReader::new(self.time_format.clone(), zone)
            .map_err(|_| Fault::of("timezone", format!("{zone:?} is not a known time zone"), "write UTC or a name such as Europe/Berlin"))
    }

    fn extension(&self) -> String {
        self.path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
    }

    /// Whether lines are foreign records rather than Floodmark's own events.
    pub(super) fn is_mapped(&self) -> bool {
        let columns = !self.values.is_empty() || !self.labels.is_empty() || self.metric.is_some() || self.id.is_some();
        columns || self.time.is_some() || self.check.is_some()
    }
}
