//! What a job reads, from the oldest entry to the newest.

use std::collections::VecDeque;
use std::sync::Arc;

use floodmark_core::Result;
use floodmark_core::ports::{Entry, Limit, Log, Position, Reader};
use floodmark_engine::ingest::Logs;
use floodmark_engine::input::Input;
use floodmark_engine::replay::Past;
use floodmark_schemas::subject;

pub(super) struct Reading {
    reader: Box<dyn Reader>,
    limit: Limit,
    ahead: VecDeque<Entry>,
}

impl Reading {
    pub(super) async fn open(logs: &Logs, input: &Input, partition: u32) -> Result<Self> {
        let (log, pattern): (&Arc<dyn Log>, _) = match input {
            Input::Partition => (&logs.events, subject::events_of_partition(partition)),
            Input::Partitions => (&logs.events, subject::EVENTS.to_owned()),
            Input::Operator { id, whole: true, .. } => (&logs.outputs, subject::outputs_of(id)),
            Input::Operator { id, whole: false, .. } => (&logs.outputs, subject::outputs(id, partition)),
        };
        // As a replay reads: what retention deletes meanwhile is noticed.
        let past = Past::whole(log.clone()).await?;
        let limit = Limit { until: Some(past.until()), ..Limit::default() };
        Ok(Self { reader: past.reader(vec![pattern], Position::START).await?, limit, ahead: VecDeque::new() })
    }

    pub(super) async fn next(&mut self) -> Result<Option<Entry>> {
        if self.ahead.is_empty() {
            self.ahead = self.reader.next(self.limit).await?.into();
        }
        Ok(self.ahead.pop_front())
    }
}
