//! What the outside implements: the smallest set of traits.

pub mod alerts;
pub mod clock;
pub mod lease;
pub mod log;
pub mod notifier;
pub mod operator;
pub mod query;
pub mod sink;
pub mod source;

pub use alerts::{AlertFilter, AlertQuery, AlertRequests, AlertStore, IncidentFilter};
pub use clock::Clock;
pub use lease::{Leases, Term, View};
pub use log::{Appended, Continuity, Entry, Expect, Limit, Log, NewEntry, Position, Reader, Size};
pub use notifier::{Notifier, Receipt, Refusal};
pub use operator::{Operator, Outputs};
pub use query::{
    Answers, DeadLetterQuery, EventFilter, EventQuery, KnownResultSet, Page, ResultSetQuery, RollupFilter, RollupQuery, ScoreFilter,
    ScoreQuery, SeriesFilter, SeriesQuery, StoreQuery,
};
pub use sink::{Mark, Sink, Standing};
pub use source::{Ingest, Source, SourceSpec};
