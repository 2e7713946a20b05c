//! Alerts as the store of alerts holds them: what people are shown, beside what rules have committed.

use floodmark_core::Result;
use floodmark_core::ports::AlertQuery;
use floodmark_engine::replay::Period;
use floodmark_schemas::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::kind::{Identity, Kind};
use super::lives::{Known, Life};

/// An alert as it is stored, or as it should be.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct InStore(Life);

/// What the store holds of these alerts, and what it should hold. What it has forgotten, and what it does not know in full yet, is left out.
///
/// # Errors
/// Those of the store.
pub(super) async fn both(store: &dyn AlertQuery, known: &Known, lives: &[Life], period: Period) -> Result<(Vec<InStore>, Vec<InStore>)> {
    let (mut stored, mut expected) = (Vec::new(), Vec::new());
    for life in lives {
        let steps = store.steps(life.id()).await?.into_iter().map(|(_, step)| step);
        // A desk adds steps of its own when a rule was changed or removed.
        let of_rule =
            steps.filter(|step| step.version == life.version() && period.holds(step.time) && !step.annotations.contains_key("reason"));
        let Some(found) = known.life(of_rule).filter(|found| found.len() >= life.len()) else { continue };
        stored.push(InStore(found));
        expected.push(InStore(life.clone()));
    }
    Ok((stored, expected))
}

impl Kind for InStore {
    const NAME: &'static str = "alerts in the store";
    const REMEMBERS: bool = true;

    fn time(&self) -> Timestamp {
        self.0.time()
    }

    fn identity(&self) -> Identity {
        self.0.identity()
    }

    fn operator(&self) -> &str {
        self.0.operator()
    }

    fn version(&self) -> &str {
        self.0.version()
    }

    fn source(&self) -> &str {
        self.0.source()
    }

    fn about(&self) -> Value {
        self.0.about()
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.0.says_the_same(&other.0)
    }

    fn says(&self) -> Value {
        self.0.says()
    }
}
