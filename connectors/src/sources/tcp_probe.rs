//! `tcp_probe`: connects to addresses and says whether they accept, shake hands (with `tls`), and speak as expected
//! (with `expect`), how long each part took, and if not, why.

mod check;
pub mod config;

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Clock, Ingest, Source};

use self::check::TcpProbe;
pub use self::config::Config;
use super::connectivity::Line;
use super::probe::tls::PlatformRoots;
use super::probe::watch;
use crate::settings::Fault;

/// Looks at the targets of one `[sources.<id>]`.
pub struct TcpProbes {
    id: String,
    probes: Vec<TcpProbe>,
    excusable: bool,
    line: Option<Arc<Line>>,
    clock: Arc<dyn Clock>,
}

impl TcpProbes {
    /// Prepares all targets. Reads certificate files, connects to nothing.
    ///
    /// # Errors
    /// `Broken` when there is no target, two have one name, a check could outlast its interval, or a certificate file
    /// cannot be read.
    pub fn new(id: &str, config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        Fault::refuse(id, &config.validate())?;
        let roots = PlatformRoots::default();
        let probes = config.targets.iter().map(|target| TcpProbe::new(&config, target, &roots)).collect::<Result<Vec<_>>>()?;
        Ok(Self { id: id.to_owned(), probes, excusable: config.connectivity, line: None, clock })
    }

    /// Asks this line before it says that a target is down, unless the configuration says that its targets need no line.
    pub fn asking(self, line: Option<Arc<Line>>) -> Self {
        Self { line: line.filter(|_| self.excusable), ..self }
    }
}

#[async_trait]
impl Source for TcpProbes {
    async fn run(&mut self, ingest: &dyn Ingest) -> Result<()> {
        watch(&self.id, &self.probes, self.line.as_deref(), &self.clock, ingest).await
    }
}
