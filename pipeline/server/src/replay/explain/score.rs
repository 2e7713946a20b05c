//! Why a score is what it is: the values before it, the newest last.
//!
//! A score depends on everything that its series ever did. All of it is counted, and the newest is listed.

use std::collections::VecDeque;

use floodmark_core::Result;
use floodmark_core::ports::Entry;
use floodmark_engine::JobPlan;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{FrameHeader, Rollup, Score, Timestamp};
use serde::Serialize;

use super::below::Below;
use super::{Behind, Explainer, LeftOut, Reading, Target, Trial, of_another_source};

/// The most bytes of frames that are looked through for the newest events.
const FRAMES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a frame counts besides its body.
const FRAME_BYTES: usize = 1_024;

/// Why a score is what it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ScoreExplanation {
    /// What comes out now; absent when nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<Score>,
    /// The entry that made it, of the event log or of the output log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// When that was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_time: Option<Timestamp>,
    /// How many values of its series were judged up to it.
    pub judged: u64,
    /// The newest events behind it, in the order of the log; the one that was judged is the last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Behind>,
    /// The rollups up to it, when rollups are judged: each at its highest revision, in the order of time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rollups: Vec<Rollup>,
}

impl Explainer<'_> {
    /// Runs the operator of a score over what it reads, until the score comes out, and lists at most `listed` events. What is
    /// left out counts as if it had never come.
    ///
    /// # Errors
    /// As [`Self::rollup`].
    pub async fn score(&self, score: &Score, left_out: Option<&LeftOut>, listed: usize) -> Result<ScoreExplanation> {
        let plan = self.plan(&score.operator, &score.version)?;
        for partition in 0..plan.input.jobs(self.partitions) {
            let found = self.score_on((plan, partition), score, left_out, listed).await?;
            if found.again.is_some() {
                return Ok(found);
            }
        }
        Ok(ScoreExplanation::default())
    }

    async fn score_on(
        &self,
        (plan, partition): (&JobPlan, u32),
        score: &Score,
        left_out: Option<&LeftOut>,
        listed: usize,
    ) -> Result<ScoreExplanation> {
        let (mut operator, mut outputs) = ((plan.make)(partition), Vec::new());
        let (mut below, mut frames, mut found) = (Below::new(self.version_below(plan)), Frames::default(), ScoreExplanation::default());
        let mut read = Reading::open(self.logs, &plan.input, partition).await?;
        while let Some(entry) = read.next().await? {
            if of_another_source(&entry, &score.source) {
                continue;
            }
            let entry = match left_out {
                Some(left_out) => left_out.of(entry)?,
                None => entry,
            };
            outputs.clear();
            if operator.apply(&entry, &mut outputs).is_err() {
                continue;
            }
            below.take(&entry, |rollup| rollup.source == score.source && rollup.series == score.series && rollup.window.end <= score.time);
            let mut same_time = 0;
            for again in outputs.drain(..).filter_map(|output| of_series(output, score)) {
                found.judged += 1;
                // Without an event before it, it may have another id; it is of the same value all the same.
                let is_it = again.id == score.id || left_out.is_some() && again.time == score.time && again.revision == score.revision;
                if is_it {
                    (found.again, found.position, found.log_time) = (Some(again), Some(entry.position.0), Some(entry.time));
                    found.rollups = below.rollups();
                    if found.rollups.is_empty() {
                        frames.push(entry);
                        let target = Target::of_score(score);
                        found.events = frames.newest(&Trial { plan, partition, target: &target }, score.time, same_time, listed)?;
                    }
                    return Ok(found);
                }
                same_time += usize::from(again.time == score.time);
            }
            frames.push(entry);
        }
        Ok(found)
    }
}

/// The score in an output, if it is of the same series.
fn of_series(output: Output, score: &Score) -> Option<Score> {
    match output {
        Output::Score(other) if other.source == score.source && other.series == score.series => Some(other),
        _ => None,
    }
}

/// The newest frames of a source.
#[derive(Default)]
struct Frames {
    list: VecDeque<Entry>,
    bytes: usize,
}

impl Frames {
    fn push(&mut self, entry: Entry) {
        if FrameHeader::from_headers(&entry.headers).is_ok_and(|header| header.count > 0) {
            self.bytes += FRAME_BYTES + entry.body.len();
            self.list.push_back(entry);
        }
        while self.bytes > FRAMES_BYTES_MAX
            && let Some(oldest) = self.list.pop_front()
        {
            self.bytes -= FRAME_BYTES + oldest.body.len();
        }
    }

    /// The newest events that are judged, at most `listed`, up to the one that the score is of: that is the one of its time in
    /// the last frame before which `same_time` others of that time were judged.
    fn newest(self, trial: &Trial<'_>, time: Timestamp, same_time: usize, listed: usize) -> Result<Vec<Behind>> {
        let mut newest: VecDeque<Behind> = VecDeque::new();
        for (n, entry) in self.list.iter().rev().enumerate() {
            let mut judged = trial.judged(entry)?;
            if n == 0 {
                let of_time: Vec<usize> = (0..judged.len()).filter(|at| judged[*at].time == time).collect();
                let last = of_time.get(same_time).or(of_time.last());
                judged.truncate(last.map_or(judged.len(), |at| at + 1));
            }
            judged.into_iter().rev().for_each(|event| newest.push_front(event));
            if newest.len() >= listed {
                break;
            }
        }
        let more = newest.len().saturating_sub(listed);
        Ok(newest.into_iter().skip(more).collect())
    }
}
