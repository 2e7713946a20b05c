//! Sources whose whole behaviour is a closure.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Ingest, Source, SourceSpec};
use floodmark_engine::SourcePlan;
use floodmark_schemas::Encoding;

type Running<'a> = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

struct Scripted<F>(Arc<F>);

#[async_trait]
impl<F> Source for Scripted<F>
where
    F: for<'a> Fn(&'a dyn Ingest) -> Running<'a> + Send + Sync,
{
    async fn run(&mut self, ingest: &dyn Ingest) -> Result<()> {
        (self.0)(ingest).await
    }
}

/// A source that runs `behave` at every start.
pub fn plan<F>(id: &str, behave: F) -> SourcePlan
where
    F: for<'a> Fn(&'a dyn Ingest) -> Running<'a> + Send + Sync + 'static,
{
    let behave = Arc::new(behave);
    let make = move || Ok(Box::new(Scripted(behave.clone())) as Box<dyn Source>);
    let spec = SourceSpec { id: id.to_owned(), shard: None, encoding: Encoding::Json, disorder: Duration::ZERO, live: false };
    SourcePlan { spec, kind: "scripted".to_owned(), make: Arc::new(make) }
}
