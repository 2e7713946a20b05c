//! What the jobs of an operator read, and how many jobs it has.

use std::sync::Arc;

use floodmark_core::ports::Log;
use floodmark_schemas::subject;

use crate::ingest::Logs;
use crate::sink_runner::Reads;

/// What the jobs of an operator read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// The events of a partition: one job for each.
    #[default]
    Partition,
    /// The events of all partitions: one job, numbered 0. For what brings series of several partitions together.
    Partitions,
    /// What another operator commits.
    Operator {
        /// Its id.
        id: String,
        /// Its definition as a hash.
        version: String,
        /// How many operators there are from here to the events, this one not counted.
        level: usize,
        /// Whether one job, numbered 0, reads all of it; otherwise there is one for each partition.
        whole: bool,
    },
}

impl Input {
    /// How many jobs an operator with this input has.
    pub fn jobs(&self, partitions: u32) -> u32 {
        match self {
            Self::Partition | Self::Operator { whole: false, .. } => partitions,
            Self::Partitions | Self::Operator { whole: true, .. } => 1,
        }
    }

    /// How many operators stand between this one and the events. Jobs of a level read what those below it write.
    pub fn level(&self) -> usize {
        match self {
            Self::Partition | Self::Partitions => 0,
            Self::Operator { level, .. } => *level,
        }
    }

    /// Which log it is in.
    pub fn reads(&self) -> Reads {
        match self {
            Self::Partition | Self::Partitions => Reads::Events,
            Self::Operator { .. } => Reads::Outputs,
        }
    }

    /// The log it is in.
    pub(crate) fn log<'a>(&self, logs: &'a Logs) -> &'a Arc<dyn Log> {
        match self.reads() {
            Reads::Events => &logs.events,
            Reads::Outputs => &logs.outputs,
        }
    }

    /// The subjects that a job reads.
    pub(crate) fn patterns(&self, partition: u32) -> Vec<String> {
        vec![match self {
            Self::Partition => subject::events_of_partition(partition),
            Self::Partitions => subject::EVENTS.to_owned(),
            Self::Operator { id, whole: true, .. } => subject::outputs_of(id),
            Self::Operator { id, whole: false, .. } => subject::outputs(id, partition),
        }]
    }

    /// What the log is called in messages to people.
    pub(crate) fn log_name(&self) -> &'static str {
        match self.reads() {
            Reads::Events => "event log",
            Reads::Outputs => "output log",
        }
    }
}
