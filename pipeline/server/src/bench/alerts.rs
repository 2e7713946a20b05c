//! From an event that a source hands over to the notification that a receiver is handed: how long that takes, at a rate.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::{Clock, Ingest, Notifier, Position, Receipt, Refusal, Source, SourceSpec};
use floodmark_core::{Error, Result};
use floodmark_engine::SourcePlan;
use floodmark_schemas::{BatchBuilder, Encoding, Notification, Series};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::stack::quantiles;
use super::{Figure, Stopwatch};
use crate::assemble::{Assembled, assemble};
use crate::config::{Config, from_text};

/// How many alerts fire in each second.
const RATE: u32 = 100;
/// For how many seconds.
const SECS: u32 = 30;
/// How long it waits for the last notification.
const LAST_WITHIN: Duration = Duration::from_secs(30);
const ID: &str = "bench";
const RECEIVER: &str = "watch";
/// Each alert by itself and at once. The receiver is replaced by one that only looks at its watch.
const RULES: &str = "[alerts.too_hot]\ntype = \"threshold\"\nmetrics = [\"load\"]\nabove = 90\n\
                     [receivers.watch]\ntype = \"command\"\nargv = [\"true\"]\n[route]\ngroup_by = \"each\"\ngroup_wait = \"0s\"\n";

/// Measures on the embedded log and store, in `dir`.
///
/// # Errors
/// When the pipeline fails, or a notification does not come.
pub async fn alerts(dir: &Path) -> Result<Vec<Figure>> {
    measure(rules(&format!("data_dir = {:?}\n", dir.join("data")))?, "embedded").await
}

/// Measures on the log and stores that `config` names. What it writes stays there: give it a log and a database of its own.
///
/// # Errors
/// As [`alerts`]; when the log holds something already.
pub async fn stack_alerts(config: &Config) -> Result<Vec<Figure>> {
    let Config { alerts, receivers, routing, .. } = rules("")?;
    let (sources, operators) = Default::default();
    measure(Config { alerts, receivers, routing, sources, operators, ..config.clone() }, "servers").await
}

fn rules(before: &str) -> Result<Config> {
    let text = format!("{before}[api]\nenabled = false\n[sources.{ID}]\ntype = \"push\"\nlisten = \"127.0.0.1:0\"\n{RULES}");
    let config = from_text(ID, &text).map_err(|report| Error::broken(report.render(false)))?;
    Ok(Config { sources: BTreeMap::new(), ..config })
}

/// When events were handed over and notifications were, by host.
#[derive(Default)]
struct Watch {
    began: Mutex<BTreeMap<String, Instant>>,
    took: Mutex<Vec<Duration>>,
    came: Notify,
}

impl Watch {
    fn count(&self) -> usize {
        self.took.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[async_trait]
impl Notifier for Watch {
    async fn deliver(&self, notification: &Notification) -> Result<Receipt, Refusal> {
        for alert in &notification.alerts {
            let host = alert.labels.get("host").map(String::as_str).unwrap_or_default();
            let began = self.began.lock().unwrap_or_else(PoisonError::into_inner).remove(host);
            let mut took = self.took.lock().unwrap_or_else(PoisonError::into_inner);
            took.extend(began.map(|began| began.elapsed()));
        }
        self.came.notify_one();
        Ok(Receipt { answer: "seen".to_owned() })
    }
}

/// Another host is hot each time.
struct Hosts {
    watch: Arc<Watch>,
}

#[async_trait]
impl Source for Hosts {
    async fn run(&mut self, ingest: &dyn Ingest) -> Result<()> {
        let mut interval = tokio::time::interval(Duration::from_secs(1) / RATE);
        let mut builder = BatchBuilder::default();
        for n in 0..RATE * SECS {
            interval.tick().await;
            let host = format!("host-{n}");
            let series = builder.series(&Series::new("load").label("host", &host));
            builder.sample(series, SystemClock.now().micros(), 97.5, "");
            self.watch.began.lock().unwrap_or_else(PoisonError::into_inner).insert(host, Instant::now());
            ingest.send(builder.take(), None).await?;
        }
        ingest.flush().await?;
        let last = async {
            while self.watch.count() < (RATE * SECS) as usize {
                self.watch.came.notified().await;
            }
        };
        let came = tokio::time::timeout(LAST_WITHIN, last).await;
        came.map_err(|_| Error::broken(format!("{} of {} notifications came", self.watch.count(), RATE * SECS)))
    }
}

async fn measure(config: Config, name: &str) -> Result<Vec<Figure>> {
    let Assembled { mut pipeline, .. } = assemble(&config).await?;
    if pipeline.logs.events.continuity().await?.tail > Position::START {
        return Err(Error::rejected("measuring: the log holds entries already; name one of its own, by `prefix` or `data_dir`"));
    }
    let watch = Arc::new(Watch::default());
    let plan = pipeline.alerts.as_mut().ok_or_else(|| Error::broken("measuring: there is no desk of alerts"))?;
    plan.notifiers = [(RECEIVER.to_owned(), watch.clone() as Arc<dyn Notifier>)].into();
    let spec = SourceSpec { id: ID.to_owned(), shard: None, encoding: Encoding::Json, disorder: Duration::ZERO, live: false };
    let shared = watch.clone();
    let make = move || Ok(Box::new(Hosts { watch: shared.clone() }) as Box<dyn Source>);
    pipeline.sources = vec![SourcePlan { spec, kind: ID.to_owned(), make: Arc::new(make) }];
    let stopwatch = Stopwatch::start();
    pipeline.run(CancellationToken::new(), watch::Sender::new(false)).await?;
    let took = std::mem::take(&mut *watch.took.lock().unwrap_or_else(PoisonError::into_inner));
    let note = quantiles(took, "notifications");
    Ok(vec![stopwatch.figure(format!("event to notification at {RATE}/s, {name}"), u64::from(RATE * SECS), note)])
}
