//! What a configuration says, after everything in it has been checked and all defaults are filled in.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use floodmark_connectors::settings::{Fault, Size, Span};
use floodmark_connectors::sources::connectivity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert::Alert;
use super::incidents::Incidents;
use super::kinds::{LogKind, OperatorKind, SinkKind, SourceKind};
use super::receivers::Receiver;
use super::report::Notice;
use super::routes::Routing;
use super::silencing::{Inhibition, Maintenance};
use super::tests::Test;

/// A whole configuration.
#[derive(Clone, Debug, Serialize)]
pub struct Config {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// How many partitions the event log has.
    pub partitions: Partitions,
    /// The event log.
    pub log: LogKind,
    /// The HTTP interface.
    pub api: Api,
    /// Traces.
    pub telemetry: Telemetry,
    /// How it is told whether sources are looked after.
    pub coverage: Covering,
    /// Whether this monitor itself is online; nobody asks when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connectivity: Option<connectivity::Config>,
    /// What is watched, by id.
    pub sources: BTreeMap<String, Source>,
    /// What is computed, by id.
    pub operators: BTreeMap<String, Operator>,
    /// What people are told of, by id.
    pub alerts: BTreeMap<String, Alert>,
    /// Where results go, by id; never empty, the embedded store when nothing is said.
    pub sinks: BTreeMap<String, Sink>,
    /// Who is told of alerts, by id.
    pub receivers: BTreeMap<String, Receiver>,
    /// Who is told of which alerts.
    #[serde(rename = "route", skip_serializing_if = "Routing::is_default")]
    pub routing: Routing,
    /// What becomes of alerts that belong together.
    pub incidents: Incidents,
    /// Which alerts keep others silent, by id.
    pub inhibitions: BTreeMap<String, Inhibition>,
    /// When alerts are not told, by id.
    pub maintenance: BTreeMap<String, Maintenance>,
    /// Tests of the operators.
    #[serde(skip)]
    pub tests: Vec<Test>,
    /// What works and is most likely not meant.
    #[serde(skip)]
    pub notices: Vec<Notice>,
}

/// The keys outside of any table.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Top {
    /// The directory that holds the log and the embedded stores, relative to the working directory.
    #[serde(default = "data_dir")]
    pub data_dir: PathBuf,
    /// How many partitions the event log has, 1 to 1024. Fixed for the life of the data: choose it before the first run.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1024))]
    pub partitions: Partitions,
}

fn data_dir() -> PathBuf {
    PathBuf::from("floodmark-data")
}

/// A number of partitions: 1 to 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "i64")]
#[schemars(inline)]
pub struct Partitions(u32);

impl Partitions {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Partitions {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<i64> for Partitions {
    type Error = String;
    fn try_from(number: i64) -> Result<Self, String> {
        let possible = u32::try_from(number).ok().filter(|n| (1..=1024).contains(n));
        possible.map(Self).ok_or_else(|| format!("{number} partitions are not possible; choose 1 to 1024, and 1 if in doubt"))
    }
}

/// The HTTP interface: metrics, health, queries.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Whether there is one.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The address and port it listens on. It has no log-in: keep it on 127.0.0.1 or behind a proxy that has one.
    #[serde(default = "listen")]
    pub listen: Listen,
}

impl Default for Api {
    fn default() -> Self {
        Self { enabled: true, listen: listen() }
    }
}

fn yes() -> bool {
    true
}

fn listen() -> Listen {
    Listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 8320)))
}

/// An address and a port to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub struct Listen(#[schemars(with = "String")] pub SocketAddr);

impl TryFrom<String> for Listen {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let text = text.replacen("localhost:", "127.0.0.1:", 1);
        text.parse().map(Self).map_err(|_| format!("{text:?} is not an address and a port; write for example \"127.0.0.1:8320\""))
    }
}

/// Traces: the way of single events from their source to the stores, sent to an OpenTelemetry collector.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Where spans are sent: the OTLP/gRPC endpoint of a collector. Without it nothing is traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub otlp_endpoint: Option<String>,
    /// The share of frames that are traced, 0 to 1.
    #[serde(default = "trace_ratio")]
    #[schemars(range(min = 0, max = 1))]
    pub trace_ratio: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp_endpoint: None, trace_ratio: trace_ratio() }
    }
}

impl Telemetry {
    /// What cannot work.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if !(0.0..=1.0).contains(&self.trace_ratio) {
            faults.push(Fault::of("trace_ratio", format!("{} is not a share", self.trace_ratio), "write a number from 0 to 1"));
        }
        let endpoint = self.otlp_endpoint.as_deref().unwrap_or("http://127.0.0.1:4317");
        if !(endpoint.starts_with("http://") || endpoint.starts_with("https://")) {
            faults.push(Fault::of("otlp_endpoint", format!("{endpoint:?} is not a URL"), "write for example \"http://127.0.0.1:4317\""));
        }
        faults
    }
}

fn trace_ratio() -> f64 {
    0.01
}

/// How it is told whether the polls that were due were made. Reports are events of the source `floodmark`; rules of type `coverage` read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CoverageConfig")]
pub struct Covering {
    /// From one report of a source to the next, 1s to 1h. A poll counts as missed when the next one was due and so long has passed since.
    #[serde(default = "minute")]
    pub every: Span,
}

impl Default for Covering {
    fn default() -> Self {
        Self { every: minute() }
    }
}

impl Covering {
    /// What cannot work.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let possible = Span::secs(1)..=Span::secs(3_600);
        let fault =
            || Fault::of("every", format!("reports every {} are not possible", self.every), "write \"1s\" to \"1h\", \"1m\" if in doubt");
        (!possible.contains(&self.every)).then(fault).into_iter().collect()
    }
}

fn minute() -> Span {
    Span::secs(60)
}

/// A log in a file of the data directory. Needs no server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedLog {
    /// How long events are kept.
    #[serde(default = "retention_age")]
    pub retention_age: Span,
    /// How much space events may take; the oldest go first.
    #[serde(default = "retention_size")]
    pub retention_size: Size,
    /// For how long a repeated event is recognised by its id.
    #[serde(default = "duplicate_window")]
    pub duplicate_window: Span,
}

impl EmbeddedLog {
    /// What cannot work.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.retention_age.0.is_zero() {
            faults.push(Fault::of("retention_age", "nothing would be kept", "write for example \"7d\""));
        } else if self.duplicate_window > self.retention_age {
            let what =
                format!("duplicates cannot be recognised for {} when events are kept for {}", self.duplicate_window, self.retention_age);
            faults.push(Fault::of("duplicate_window", what, "make it at most `retention_age`"));
        }
        if self.retention_size < Size(1 << 20) {
            let what = format!("{} is too little for a log", self.retention_size);
            faults.push(Fault::of("retention_size", what, "give it 1MiB or more"));
        }
        faults
    }
}

fn retention_age() -> Span {
    Span::secs(7 * 86_400)
}

fn retention_size() -> Size {
    Size(10 << 30)
}

fn duplicate_window() -> Span {
    Span::secs(2 * 3_600)
}

/// The store in a file of the data directory: rollups, dead letters and the catalogue of series. Needs no server.
///
/// It is there without being named when no sink is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedSink {}

impl EmbeddedSink {
    /// What cannot work: nothing.
    pub fn validate(&self) -> Vec<Fault> {
        Vec::new()
    }
}

/// One source.
#[derive(Clone, Debug, Serialize)]
pub struct Source {
    /// What it watches.
    #[serde(flatten)]
    pub kind: SourceKind,
    /// How its frames are written.
    pub encoding: Encoding,
    /// How Arrow frames are compressed.
    pub compression: Compression,
    /// By how much its event times may go backwards.
    pub disorder: Span,
}

impl Source {
    /// How its frames are written, in the words of the log.
    pub fn frame_encoding(&self) -> floodmark_schemas::Encoding {
        use floodmark_schemas::frame::Compression as C;
        match (self.encoding, self.compression) {
            (Encoding::Json, _) => floodmark_schemas::Encoding::Json,
            (Encoding::Arrow, Compression::None) => floodmark_schemas::Encoding::Arrow(C::None),
            (Encoding::Arrow, Compression::Lz4) => floodmark_schemas::Encoding::Arrow(C::Lz4),
            (Encoding::Arrow, Compression::Zstd) => floodmark_schemas::Encoding::Arrow(C::Zstd),
        }
    }
}

/// The keys that every source has, whatever its `type`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceCommon {
    /// How events are written to the log.
    #[serde(default)]
    pub encoding: Encoding,
    /// How Arrow frames are compressed. Only with `encoding = "arrow"`.
    #[serde(default)]
    pub compression: Compression,
    /// By how much event times may go backwards without being late. The default depends on the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Span")]
    pub disorder: Option<Span>,
}

/// How events are written to the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Encoding {
    /// JSON that any client can read.
    #[default]
    Json,
    /// Arrow IPC: small and fast, for high rates and backfills.
    Arrow,
}

/// How Arrow frames are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// Fast.
    Lz4,
    /// Small.
    Zstd,
}

/// One operator.
#[derive(Clone, Debug, Serialize)]
pub struct Operator {
    /// What it computes.
    #[serde(flatten)]
    pub kind: OperatorKind,
}

/// One sink.
#[derive(Clone, Debug, Serialize)]
pub struct Sink {
    /// Where it writes.
    #[serde(flatten)]
    pub kind: SinkKind,
}
