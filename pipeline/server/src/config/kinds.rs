//! The kinds of component: what `type = ".."` may name. A new kind is one line in a table of this file.

use std::ops::Range;

use floodmark_connectors::settings::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::decode::decode;
use super::model::{EmbeddedLog, EmbeddedSink};
use super::report::Report;
use super::tree::Table;
use super::tumbling::Tumbling;

use floodmark_connectors::sources::{file, github, host, http_probe, open_meteo, push, tcp_probe};

/// What the four sets of kinds have in common.
pub(super) trait Kind: Sized {
    /// The values of `type`.
    const TYPES: &'static [&'static str];

    /// Reads the table of a component of `kind`; `None` when problems were reported or there is no such kind.
    fn decode(kind: &str, table: &Table, header: &Range<usize>, also: &[&str], report: &mut Report) -> Option<Self>;

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
            Self::Github(_) | Self::Push(_) => Span::secs(5),
            Self::OpenMeteo(config) => Span(config.every.0 + Span::secs(300).0),
            Self::File(_) => Span::secs(0),
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
    }
}

kinds! {
    /// Where a sink writes.
    SinkKind {
        /// The store in the data directory.
        "embedded" => Embedded(EmbeddedSink),
    }
}

kinds! {
    /// Which log is used.
    LogKind {
        /// The log in the data directory.
        "embedded" => Embedded(EmbeddedLog),
    }
}
