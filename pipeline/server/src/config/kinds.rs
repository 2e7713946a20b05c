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

use placeholder::{file, github, host, http_probe, open_meteo, push, tcp_probe};

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
    /// By how much event times may go backwards when the configuration does not say: a file is read in its own order.
    pub(super) fn default_disorder(kind: &str) -> Span {
        if kind == "file" { Span::secs(0) } else { Span::secs(5) }
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

/// Stand-ins for the sources, until `floodmark_connectors::sources` has them.
mod placeholder {
    macro_rules! config {
        ($module:ident, $about:literal, { $($(#[$meta:meta])* $field:ident: $type:ty),* $(,)? }) => {
            pub mod $module {
                use super::*;

                #[doc = $about]
                #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
                #[serde(deny_unknown_fields)]
                pub struct Config { $($(#[$meta])* pub $field: $type),* }
            }
        };
    }

    use floodmark_connectors::settings::{Secret, Span};
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    fn secs<const SECS: u64>() -> Span {
        Span::secs(SECS)
    }

    config!(host, "This machine.", {
        /// From one look to the next.
        #[serde(default = "secs::<1>")] every: Span,
    });
    config!(http_probe, "Looks at URLs.", {
        /// What to look at.
        targets: Vec<String>,
        /// From one scheduled check of a target to the next.
        #[serde(default = "secs::<30>")] every: Span,
        /// The deadline of one attempt.
        #[serde(default = "secs::<10>")] timeout: Span,
    });
    config!(tcp_probe, "Connects to ports.", {
        /// What to look at.
        targets: Vec<String>,
        /// From one scheduled check of a target to the next.
        #[serde(default = "secs::<30>")] every: Span,
    });
    config!(github, "Repositories on GitHub.", {
        /// As `owner/name`.
        repositories: Vec<String>,
        /// From one look to the next.
        #[serde(default = "secs::<300>")] every: Span,
        /// Raises the rate limit.
        #[serde(default, skip_serializing_if = "Option::is_none")] token: Option<Secret>,
    });
    config!(open_meteo, "The weather.", {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// From one look to the next.
        #[serde(default = "secs::<900>")] every: Span,
    });
    config!(file, "A file of events.", {
        /// The file to read.
        path: std::path::PathBuf,
    });
    config!(push, "What others send here.", {
        /// What clients must send.
        #[serde(default, skip_serializing_if = "Option::is_none")] token: Option<Secret>,
    });
}
