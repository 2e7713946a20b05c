//! A pipeline under a command: signals, the API beside it, progress, and a new configuration at SIGHUP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::sources::file::Progress;
use floodmark_core::ports::{Clock, Log};
use floodmark_engine::Pipeline;
use floodmark_engine::metered::watch_sizes;
use floodmark_engine::supervisor::End;
use floodmark_engine::telemetry::show_states;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::exit::{Exit, Failure, Outcome};
use super::output;
use super::signals::{Asked, Signals};
use crate::api::{self, AlertState, ApiState, Units};
use crate::assemble::{Assembled, assemble};
use crate::config::{self, Config, Notice};
use crate::telemetry::{Metrics, Traces};

/// What a running pipeline offers to those who look on.
pub struct View {
    /// The event log.
    pub events: Arc<dyn Log>,
    /// The output log.
    pub outputs: Arc<dyn Log>,
    /// Where the API listens.
    pub api: Option<SocketAddr>,
    /// Ends what looks on.
    pub stop: CancellationToken,
}

/// Shows a running pipeline until its view's `stop`.
pub type Onlooker = Box<dyn Fn(View) -> futures_util::future::BoxFuture<'static, ()>>;

/// How a pipeline is to be run.
pub struct Running {
    /// Its configuration.
    pub config: Config,
    /// Where the configuration is read again at SIGHUP.
    pub path: Option<PathBuf>,
    /// Stop by itself after this long.
    pub duration: Option<Duration>,
    /// Whether the API may listen on another port when its own is taken.
    pub any_port: bool,
    /// Who looks on.
    pub onlooker: Option<Onlooker>,
}

/// Why one configuration has stopped running.
enum Stopped {
    Ended(Exit),
    Reload(Box<Config>),
}

/// Runs a pipeline to its end: Ctrl-C or SIGTERM, the end of all sources, or the given duration. A second Ctrl-C does
/// not wait for the draining.
///
/// # Errors
/// What keeps it from starting, or broke it.
pub fn run(mut running: Running) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| Failure::new(format!("starting: {e}")))?;
    let outcome = runtime.block_on(async {
        let metrics = Metrics::start(SystemClock.now())?;
        let mut signals = Signals::listen()?;
        let mut before = None;
        loop {
            let prepared = match prepare(&running).await {
                Ok(prepared) => prepared,
                Err(failure) => {
                    let Some(config) = before.take() else { return Err(failure) };
                    output::notice(&failure.render(false));
                    tracing::error!("the new configuration cannot start, the old one goes on");
                    running.config = config;
                    continue;
                }
            };
            match once(&running, prepared, &metrics, &mut signals).await? {
                Stopped::Ended(exit) => return Ok(exit),
                Stopped::Reload(config) => before = Some(std::mem::replace(&mut running.config, *config)),
            }
        }
    });
    // A source may be in a blocking call, such as a name look-up: it has nothing to lose.
    runtime.shutdown_background();
    outcome
}

/// What a configuration needs before it runs; nothing runs yet.
struct Prepared {
    listener: Option<TcpListener>,
    traces: Traces,
    assembled: Assembled,
}

async fn prepare(running: &Running) -> Result<Prepared, Failure> {
    let config = &running.config;
    for Notice { place, message, hint } in &config.notices {
        tracing::warn!(at = %place, found = message, help = hint, "the configuration works, but most likely not as it is meant");
    }
    let traces = Traces::start(&config.telemetry)?;
    let listener = if config.api.enabled { Some(listen(config.api.listen.0, running.any_port).await?) } else { None };
    Ok(Prepared { listener, traces, assembled: assemble(config).await? })
}

/// Asks where the units of a pipeline stand, beside the one that runs.
fn units(pipeline: Pipeline) -> Arc<Units> {
    let pipeline = Arc::new(pipeline);
    Arc::new(move || {
        let pipeline = pipeline.clone();
        Box::pin(async move { pipeline.standings().await })
    })
}

/// What a pipeline is about to do.
enum Phase {
    Running,
    Stopping,
    Reloading(Box<Config>),
}

async fn once(running: &Running, prepared: Prepared, metrics: &Metrics, signals: &mut Signals) -> Result<Stopped, Failure> {
    let Prepared { listener, traces, assembled: Assembled { pipeline, events, store, alerts, log, progress } } = prepared;
    let address = listener.as_ref().and_then(|l| l.local_addr().ok());
    let (stop, beside) = (CancellationToken::new(), CancellationToken::new());
    let ready = watch::Sender::new(false);
    let statuses = pipeline.statuses.clone();
    show_states(&statuses);

    let mut companions: JoinSet<anyhow::Result<()>> = JoinSet::new();
    if let Some(listener) = listener {
        let sources = Arc::new(move || statuses.all());
        let units = units(pipeline.clone());
        let policy = pipeline.alerts.as_ref().map(|plan| Arc::new(plan.policy.clone()));
        let alerts = alerts.zip(policy).map(|(of, policy)| Arc::new(AlertState::new(of, policy)));
        let (clock, registry, ready) = (Arc::new(SystemClock), metrics.registry.clone(), ready.subscribe());
        let state = ApiState { events, store, sources, units, alerts, clock, registry, ready };
        companions.spawn(api::serve(listener, api::router(state), beside.clone()));
    }
    companions.spawn(show_progress(progress, beside.clone()));
    let sizes = watch_sizes(pipeline.logs.clone(), beside.clone());
    companions.spawn(async move {
        sizes.await;
        Ok(())
    });
    let view = View { events: log, outputs: pipeline.logs.outputs.clone(), api: address, stop: beside.clone() };
    let onlooker = running.onlooker.as_ref().map(|look| look(view));
    let mut ready_seen = ready.subscribe();
    companions.spawn(async move {
        if ready_seen.wait_for(|ready| *ready).await.is_ok() {
            tracing::info!(api = address.map(tracing::field::display), "pipeline is running");
        }
        Ok(())
    });

    let piping = pipeline.run(stop.clone(), ready);
    let over = async {
        match running.duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(piping, over);
    let looking = async {
        match onlooker {
            Some(looking) => looking.await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(looking);
    let (mut phase, mut looked) = (Phase::Running, false);
    let outcome = loop {
        tokio::select! {
            outcome = &mut piping => break outcome,
            asked = signals.next() => {
                phase = match (asked, phase) {
                    (Asked::Interrupt, Phase::Stopping) => return Ok(Stopped::Ended(Exit::Interrupted)),
                    (Asked::Interrupt, _) => {
                        output::notice("\nstopping: what is on its way is made durable (Ctrl-C again does not wait)\n");
                        Phase::Stopping
                    }
                    // What is stopping has no use for another configuration.
                    (Asked::Terminate, _) | (Asked::Hangup, Phase::Stopping) => Phase::Stopping,
                    (Asked::Hangup, phase) => reload(running).map_or(phase, |config| Phase::Reloading(Box::new(config))),
                };
                if !matches!(phase, Phase::Running) {
                    stop.cancel();
                }
            }
            () = &mut over, if matches!(phase, Phase::Running) => {
                phase = Phase::Stopping;
                stop.cancel();
            }
            () = &mut looking, if !looked => looked = true,
        }
    };
    beside.cancel();
    while let Some(ended) = companions.join_next().await {
        ended.map_err(|e| Failure::new(format!("a task beside the pipeline panicked: {e}")))??;
    }
    if !looked && running.onlooker.is_some() {
        looking.await;
    }
    traces.stop().await;
    match (outcome?, phase) {
        (End::Stopped, Phase::Reloading(config)) => {
            tracing::info!("drained; starting with the new configuration");
            Ok(Stopped::Reload(config))
        }
        (End::SourcesEnded, _) => {
            tracing::info!("every source has come to its end, and everything is stored");
            Ok(Stopped::Ended(Exit::Ok))
        }
        (End::Stopped, Phase::Running | Phase::Stopping) => {
            tracing::info!("drained");
            Ok(Stopped::Ended(Exit::Ok))
        }
    }
}

async fn listen(address: SocketAddr, any_port: bool) -> Result<TcpListener, Failure> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(_) if any_port => listen_anywhere(address).await,
        Err(e) => Err(Failure::new(format!("listening on {address} for the API: {e}"))
            .remedy("set another `listen` under [api], or `enabled = false`; is floodmark running already?")),
    }
}

async fn listen_anywhere(address: SocketAddr) -> Result<TcpListener, Failure> {
    let free = SocketAddr::new(address.ip(), 0);
    TcpListener::bind(free).await.map_err(|e| Failure::new(format!("listening on {free} for the API: {e}")))
}

/// The new configuration, if it is right; otherwise the old one stays.
fn reload(running: &Running) -> Option<Config> {
    let path = running.path.as_ref()?;
    match config::load(path) {
        Ok(config) => {
            tracing::info!(path = %path.display(), "configuration read again, draining first");
            Some(config)
        }
        Err(report) => {
            output::notice(&report.render(false));
            tracing::error!(path = %path.display(), "the new configuration is wrong, the old one stays");
            None
        }
    }
}

/// Shows how far files have been read, on a terminal.
async fn show_progress(progress: BTreeMap<String, Arc<Progress>>, stop: CancellationToken) -> anyhow::Result<()> {
    if progress.is_empty() {
        return Ok(());
    }
    let style = ProgressStyle::with_template("{prefix} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}")?;
    let bars = indicatif::MultiProgress::new();
    let shown: Vec<(Arc<Progress>, ProgressBar)> = progress
        .into_iter()
        .map(|(id, progress)| (progress, bars.add(ProgressBar::new(0)).with_style(style.clone()).with_prefix(id)))
        .collect();
    let update = || {
        for (progress, bar) in &shown {
            bar.set_length(progress.bytes_total());
            bar.set_position(progress.bytes_read());
        }
    };
    while stop.run_until_cancelled(tokio::time::sleep(Duration::from_millis(200))).await.is_some() {
        update();
    }
    update();
    shown.iter().for_each(|(_, bar)| bar.abandon());
    Ok(())
}
