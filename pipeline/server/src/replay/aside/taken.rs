//! Operators whose results are put aside.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use floodmark_core::Result;
use floodmark_core::ports::{Entry, Operator, Outputs};
use floodmark_engine::JobPlan;
use floodmark_engine::input::Input;
use floodmark_schemas::{Presence, Timestamp, commit::Output};

use super::Aside;

/// What is committed of that which was put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Commits {
    /// All of it: another operator reads it.
    All,
    /// Alerts, which are read from the output log.
    Alerts,
}

/// The same jobs, with their results put aside.
pub(super) fn all(aside: &Arc<Aside>, jobs: Vec<JobPlan>) -> Vec<JobPlan> {
    let fed: BTreeSet<String> = jobs.iter().filter_map(|job| reads(&job.input)).collect();
    let one = |job: JobPlan| {
        let commits = if fed.contains(&job.operator) { Commits::All } else { Commits::Alerts };
        let (make, aside) = (job.make, aside.clone());
        let taken = move |partition| -> Box<dyn Operator> { Box::new(Taken { operator: make(partition), aside: aside.clone(), commits }) };
        JobPlan { make: Arc::new(taken), ..job }
    };
    jobs.into_iter().map(one).collect()
}

/// The operator that is read, if it is one.
pub(in crate::replay) fn reads(input: &Input) -> Option<String> {
    match input {
        Input::Partition | Input::Partitions => None,
        Input::Operator { id, .. } => Some(id.clone()),
    }
}

/// An operator that gives what it makes into other hands.
struct Taken {
    operator: Box<dyn Operator>,
    aside: Arc<Aside>,
    commits: Commits,
}

impl Operator for Taken {
    fn apply(&mut self, entry: &Entry, outputs: &mut Outputs) -> Result<()> {
        let before = outputs.len();
        let outcome = self.operator.apply(entry, outputs);
        if outputs.len() > before {
            self.aside.take(&outputs[before..])?;
            if self.commits == Commits::Alerts {
                outputs.extract_if(before.., |output| !matches!(output, Output::Alert(_))).for_each(drop);
            }
        }
        outcome
    }

    fn watermark(&self) -> Option<Timestamp> {
        self.operator.watermark()
    }

    fn watermarks(&self) -> BTreeMap<String, Timestamp> {
        self.operator.watermarks()
    }

    fn presence(&self, since: Timestamp, now: Timestamp) -> BTreeMap<String, Presence> {
        self.operator.presence(since, now)
    }

    fn late(&self) -> u64 {
        self.operator.late()
    }

    fn undefined(&self) -> u64 {
        self.operator.undefined()
    }

    fn events(&self) -> u64 {
        self.operator.events()
    }

    fn open(&self, starts: Range<Timestamp>) -> u64 {
        self.operator.open(starts)
    }

    fn snapshot(&self) -> Vec<u8> {
        self.operator.snapshot()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<()> {
        self.operator.restore(snapshot)
    }
}
