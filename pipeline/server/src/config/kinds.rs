//! The kinds of component: what `type = ".."` may name. A new kind is one line in a table of this file.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use floodmark_connectors::logs::jetstream;
use floodmark_connectors::settings::{Fault, Span};
use floodmark_core::coverage::{Expected, Grid};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::alert_kinds::{Absence, AnomalyRule, Certificate, Change, Condition, Coverage, Match, State, Threshold};
use super::anomaly::Anomaly;
use super::calendar::Calendar;
use super::decode::decode;
use super::hopping::Hopping;
use super::model::{EmbeddedLog, EmbeddedSink};
use super::report::Report;
use super::selection::Selecting;
use super::session::Session;
use super::tree::Table;
use super::tumbling::Tumbling;
use super::windows::Windows;

use floodmark_connectors::notify::{alertmanager, command, email, nats, pagerduty, slack, webhook};
use floodmark_connectors::sources::{file, github, host, http_probe, open_meteo, push, tcp_probe};
use floodmark_connectors::stores::{mongodb, postgres};

/// What the sets of kinds have in common.
pub(super) trait Kind: Sized {
    /// The values of `type`.
    const TYPES: &'static [&'static str];

    /// Reads the table of a component of `kind`; `None` when problems were reported or there is no such kind.
    fn decode(kind: &str, table: &Table, header: &Range<usize>, also: &[&str], report: &mut Report) -> Option<Self>;

    /// What its settings say that cannot work, as far as they say it alone.
    fn faults(&self) -> Vec<Fault>;

    /// The schema of each kind's own keys.
    fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)>;
}

macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $kind:literal => $variant:ident($config:ty),)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize)]
        #[serde(tag = "type")]
        pub enum $name {
            $($(#[$about])* #[serde(rename = $kind)] $variant($config),)+
        }

        impl $name {
            /// Its `type`.
            pub fn type_name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind,)+ }
            }
        }

        impl Kind for $name {
            const TYPES: &'static [&'static str] = &[$($kind),+];

            fn decode(kind: &str, table: &Table, header: &Range<usize>, also: &[&str], report: &mut Report) -> Option<Self> {
                match kind {
                    $($kind => decode::<$config>(table, header, also, report).map(Self::$variant),)+
                    _ => None,
                }
            }

            fn faults(&self) -> Vec<Fault> {
                match self { $(Self::$variant(config) => config.validate(),)+ }
            }

            fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
                vec![$(($kind, <$config>::json_schema(generator))),+]
            }
        }
    };
}

kinds! {
    /// What a source watches.
    SourceKind {
        /// This machine.
        "host" => Host(host::Config),
        /// A URL.
        "http_probe" => HttpProbe(http_probe::Config),
        /// A TCP port.
        "tcp_probe" => TcpProbe(tcp_probe::Config),
        /// Repositories on GitHub.
        "github" => Github(github::Config),
        /// The weather.
        "open_meteo" => OpenMeteo(open_meteo::Config),
        /// A file of events.
        "file" => File(file::Config),
        /// Whatever others send here.
        "push" => Push(push::Config),
    }
}

impl SourceKind {
    /// By how much event times may go backwards when the configuration does not say. A probe's event carries the time its
    /// check began, and comes when it has ended, and one that has failed so much later as the line is asked; the weather is as old as the
    /// service's grid.
    pub(super) fn default_disorder(&self, line: Span) -> Span {
        let asked = |excusable: bool| if excusable { line.0 } else { Duration::ZERO };
        match self {
            Self::Host(_) => Span::secs(2),
            Self::HttpProbe(config) => Span(config.disorder() + asked(config.connectivity)),
            Self::TcpProbe(config) => Span(config.disorder() + asked(config.connectivity)),
            Self::OpenMeteo(config) => Span(config.every.0 + Span::secs(300).0),
            Self::File(_) => Span::secs(0),
            _ => Span::secs(5),
        }
    }

    /// The same in words, for the reference.
    pub(super) fn default_disorder_in_words(kind: &str) -> &'static str {
        match kind {
            "host" => "`\"2s\"`",
            "http_probe" | "tcp_probe" => "the longest `timeout` of its targets, and 200ms and twice the `timeout` of `[connectivity]`",
            "open_meteo" => "`every` and 5 minutes",
            "file" => "`\"0s\"`",
            _ => "`\"5s\"`",
        }
    }

    /// The parts that processes share, each with what it watches; a source that is not split has one without a number.
    pub fn split(&self) -> Vec<(Option<u32>, Self)> {
        match self {
            Self::HttpProbe(config) if config.shards > 1 => numbered(config.split(), Self::HttpProbe),
            Self::TcpProbe(config) if config.shards > 1 => numbered(config.split(), Self::TcpProbe),
            whole => vec![(None, whole.clone())],
        }
    }

    /// When it polls what; nothing when it takes what comes.
    pub fn polls(&self, id: &str) -> Vec<Expected> {
        let keyed = |polls: Vec<(String, Duration)>| {
            polls.into_iter().map(|(target, every)| Expected { grid: Grid::of_key(every, &target), target }).collect()
        };
        match self {
            Self::Host(config) => vec![Expected { target: String::new(), grid: Grid::aligned(config.every.0) }],
            Self::HttpProbe(config) => keyed(config.polls()),
            Self::TcpProbe(config) => keyed(config.polls()),
            Self::Github(config) => keyed(config.polls()),
            Self::OpenMeteo(config) => {
                let grid = Grid::of_key(config.every.0, id);
                config.places.iter().map(|place| Expected { target: place.name.clone(), grid }).collect()
            }
            Self::File(_) | Self::Push(_) => Vec::new(),
        }
    }

    /// Whether event times follow the wall clock. What is read from a file or pushed may be of any time.
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::File(_) | Self::Push(_))
    }
}

fn numbered<T>(parts: BTreeMap<u32, T>, kind: fn(T) -> SourceKind) -> Vec<(Option<u32>, SourceKind)> {
    parts.into_iter().map(|(shard, config)| (Some(shard), kind(config))).collect()
}

kinds! {
    /// What an operator computes.
    OperatorKind {
        /// Windows that follow each other without gaps.
        "tumbling" => Tumbling(Tumbling),
        /// Windows that overlap.
        "hopping" => Hopping(Hopping),
        /// Windows that last as long as events come.
        "session" => Session(Session),
        /// Days, weeks and months.
        "calendar" => Calendar(Calendar),
        /// How unusual each value is.
        "anomaly" => Anomaly(Anomaly),
    }
}

impl OperatorKind {
    /// The keys that all windows have; `None` when it has no windows.
    pub(crate) fn windows(&self) -> Option<Windows<'_>> {
        match self {
            Self::Tumbling(settings) => Some(settings.windows()),
            Self::Hopping(settings) => Some(settings.windows()),
            Self::Session(settings) => Some(settings.windows()),
            Self::Calendar(settings) => Some(settings.windows()),
            Self::Anomaly(_) => None,
        }
    }

    /// Which samples it takes, and with which value.
    pub(crate) fn selecting(&self) -> Selecting<'_> {
        match self {
            Self::Tumbling(settings) => settings.windows().selecting,
            Self::Hopping(settings) => settings.windows().selecting,
            Self::Session(settings) => settings.windows().selecting,
            Self::Calendar(settings) => settings.windows().selecting,
            Self::Anomaly(settings) => settings.selecting(),
        }
    }

    /// The operator that it reads; `None` when it reads events.
    pub(crate) fn from(&self) -> Option<&str> {
        match self {
            Self::Tumbling(settings) => settings.from.as_deref(),
            Self::Calendar(settings) => settings.from.as_deref(),
            Self::Anomaly(settings) => settings.from.as_deref(),
            Self::Hopping(_) | Self::Session(_) => None,
        }
    }

    /// How long a window is, of a session as far as that can be told, and the key that says so.
    pub(super) fn length(&self) -> Option<(&'static str, Span)> {
        match self {
            Self::Tumbling(settings) => Some(("size", settings.size)),
            Self::Hopping(settings) => Some(("size", settings.size)),
            Self::Session(settings) => Some(("gap", settings.gap)),
            Self::Calendar(settings) => Some(("unit", settings.unit.longest())),
            Self::Anomaly(_) => None,
        }
    }
}

kinds! {
    /// When something is wrong.
    AlertKind {
        /// A value is beyond a limit.
        "threshold" => Threshold(Threshold),
        /// A value has changed too much.
        "change" => Change(Change),
        /// A target is down.
        "state" => State(State),
        /// A value is unusual.
        "anomaly" => Anomaly(AnomalyRule),
        /// Nothing comes.
        "absence" => Absence(Absence),
        /// A source is not looked after.
        "coverage" => Coverage(Coverage),
        /// A certificate ends soon.
        "certificate" => Certificate(Certificate),
        /// A text is found.
        "match" => Match(Match),
        /// An expression holds.
        "condition" => Condition(Condition),
    }
}

kinds! {
    /// Where a sink writes.
    SinkKind {
        /// The store in the data directory.
        "embedded" => Embedded(EmbeddedSink),
        /// MongoDB.
        "mongodb" => Mongodb(Box<mongodb::Config>),
        /// PostgreSQL.
        "postgres" => Postgres(Box<postgres::Config>),
    }
}

kinds! {
    /// How a receiver is told.
    ReceiverKind {
        /// By mail.
        "email" => Email(Box<email::Config>),
        /// By a request to a URL.
        "webhook" => Webhook(Box<webhook::Config>),
        /// In a channel of Slack.
        "slack" => Slack(slack::Config),
        /// By PagerDuty.
        "pagerduty" => PagerDuty(pagerduty::Config),
        /// By an Alertmanager.
        "alertmanager" => Alertmanager(alertmanager::Config),
        /// By a program.
        "command" => Command(command::Config),
        /// On subjects of NATS.
        "nats" => Nats(nats::Config),
    }
}

kinds! {
    /// Which log is used.
    LogKind {
        /// The log in the data directory.
        "embedded" => Embedded(EmbeddedLog),
        /// NATS JetStream.
        "jetstream" => Jetstream(Box<jetstream::Config>),
    }
}

impl LogKind {
    /// What it says of NATS, when it is there.
    pub(crate) fn jetstream(&self) -> Option<&jetstream::Config> {
        if let Self::Jetstream(log) = self { Some(log) } else { None }
    }

    /// How long it keeps events.
    pub(super) fn retention_age(&self) -> Span {
        match self {
            Self::Embedded(log) => log.retention_age,
            Self::Jetstream(log) => log.retention_age,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::examples::example;
    use crate::config::from_text;

    #[test]
    fn a_probe_list_is_split_by_the_names_of_its_targets() {
        let split = |text: &str| from_text("example", text).unwrap().sources.into_values().next().unwrap().kind.split();
        let targets = r#"targets = ["a:1", { address = "b:1", name = "second" }, "c:1", "d:1", "e:1"]"#;
        let names = |(shard, kind): (Option<u32>, SourceKind)| {
            let SourceKind::TcpProbe(config) = kind else { panic!("it is a tcp_probe") };
            let names = config.targets.iter().map(|target| target.name.clone().unwrap_or_else(|| target.address.to_string()));
            (shard, names.collect::<Vec<_>>().join(" "))
        };
        let check = |shards: &str, expected: &[(Option<u32>, &str)]| {
            let text = format!("[sources.a]\ntype = \"tcp_probe\"\n{shards}{targets}\n");
            let found: Vec<_> = split(&text).into_iter().map(names).collect();
            assert_eq!(found, expected.iter().map(|(shard, names)| (*shard, (*names).to_owned())).collect::<Vec<_>>());
        };
        check("", &[(None, "a:1 second c:1 d:1 e:1")]);
        check("shards = 1\n", &[(None, "a:1 second c:1 d:1 e:1")]);
        check("shards = 2\n", &[(Some(0), "d:1"), (Some(1), "a:1 second c:1 e:1")]);
        // A shard without targets is none.
        check("shards = 256\n", &[(Some(46), "d:1"), (Some(105), "a:1"), (Some(171), "c:1"), (Some(205), "e:1"), (Some(221), "second")]);
        let host = split("[sources.a]\ntype = \"host\"\n");
        assert!(matches!(host.as_slice(), [(None, SourceKind::Host(_))]));
    }

    #[test]
    fn the_words_for_the_default_disorder_are_true() {
        let disorder = |text: &str| from_text("example", text).unwrap().sources.into_values().next().unwrap().disorder;
        for kind in SourceKind::TYPES {
            let words = SourceKind::default_disorder_in_words(kind);
            if let Some(fixed) = words.strip_prefix("`\"").and_then(|w| w.strip_suffix("\"`")) {
                assert_eq!(disorder(example("sources", kind)).to_string(), fixed, "{kind}");
            }
        }
        let probe = "[sources.a]\ntype = \"tcp_probe\"\ntimeout = \"2s\"\ntargets = [\"a:1\", { address = \"b:1\", timeout = \"7s\" }]\n";
        assert_eq!(disorder(probe), Span::secs(7));
        let weather = "[sources.a]\ntype = \"open_meteo\"\nevery = \"1h\"\nplaces = [{ name = \"a\", latitude = 1, longitude = 1 }]\n";
        assert_eq!(disorder(weather), Span::secs(3_900));
    }
}
