//! The loops between the ports: sources into the log, the log through operators into commits, commits into stores.
//!
//! It knows the ports of the core and names no product.

pub mod backoff;
pub mod coverage;
pub mod desk;
pub mod dispatcher;
pub mod gaps;
pub mod ingest;
pub mod input;
pub mod job;
pub mod metered;
pub mod replay;
pub mod retention;
pub mod sink_runner;
pub mod status;
pub mod supervisor;
pub mod telemetry;
pub mod tenure;
pub mod ticker;
pub mod trace;

pub use metered::Metered;
pub use status::{Shards, SourceState, SourceStatus, Statuses};
pub use supervisor::{End, JobPlan, Pipeline, SinkPlan, SourceFactory, SourcePlan, Standing};
pub use tenure::Tenure;
