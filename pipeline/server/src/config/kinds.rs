//! The kinds of component: what `type = ".."` may name. A new kind is one line in a table of this file.

use std::ops::Range;

use floodmark_connectors::logs::jetstream;
use floodmark_connectors::settings::{Fault, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::calendar::Calendar;
use super::decode::decode;
use super::hopping::Hopping;
use super::model::{EmbeddedLog, EmbeddedSink};
use super::report::Report;
use super::session::Session;
use super::tree::Table;
use super::tumbling::Tumbling;
use super::windows::Windows;

use floodmark_connectors::sources::{file, github, host, http_probe, open_meteo, push, tcp_probe};
use floodmark_connectors::stores::{mongodb, postgres};

/// What the four sets of kinds have in common.
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
    /// check began, and comes when it has ended; the weather is as old as the service's grid.
    pub(super) fn default_disorder(&self) -> Span {
        match self {
            Self::Host(_) => Span::secs(2),
            Self::HttpProbe(config) => Span(config.disorder()),
            Self::TcpProbe(config) => Span(config.disorder()),
            Self::OpenMeteo(config) => Span(config.every.0 + Span::secs(300).0),
            Self::File(_) => Span::secs(0),
            _ => Span::secs(5),
        }
    }

    /// The same in words, for the reference.
    pub(super) fn default_disorder_in_words(kind: &str) -> &'static str {
        match kind {
            "host" => "`\"2s\"`",
            "http_probe" | "tcp_probe" => "the longest `timeout` of its targets",
            "open_meteo" => "`every` and 5 minutes",
            "file" => "`\"0s\"`",
            _ => "`\"5s\"`",
        }
    }

    /// Whether event times follow the wall clock. What is read from a file or pushed may be of any time.
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::File(_) | Self::Push(_))
    }
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
    }
}

impl OperatorKind {
    /// The keys that all windows have.
    pub(crate) fn windows(&self) -> Windows<'_> {
        match self {
            Self::Tumbling(settings) => settings.windows(),
            Self::Hopping(settings) => settings.windows(),
            Self::Session(settings) => settings.windows(),
            Self::Calendar(settings) => settings.windows(),
        }
    }

    /// How long a window is, of a session as far as that can be told, and the key that says so.
    pub(super) fn length(&self) -> (&'static str, Span) {
        match self {
            Self::Tumbling(settings) => ("size", settings.size),
            Self::Hopping(settings) => ("size", settings.size),
            Self::Session(settings) => ("gap", settings.gap),
            Self::Calendar(settings) => ("unit", settings.unit.longest()),
        }
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
    /// Which log is used.
    LogKind {
        /// The log in the data directory.
        "embedded" => Embedded(EmbeddedLog),
        /// NATS JetStream.
        "jetstream" => Jetstream(Box<jetstream::Config>),
    }
}

impl LogKind {
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
