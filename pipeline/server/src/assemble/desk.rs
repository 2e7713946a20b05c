//! The desk of alerts from its settings: who is told of what, and where that is kept.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use floodmark_connectors::stores::{embedded, postgres};
use floodmark_core::alert::desk::{self, DependsOn, Matcher, Matchers, Policy};
use floodmark_core::ports::{AlertQuery, AlertRequests, AlertStore, Notifier};
use floodmark_core::{Error, Result};
use floodmark_engine::desk::AlertPlan;
use floodmark_engine::dispatcher::Waits;

use super::receivers::notifier;
use crate::config::{Config, Escalation, GroupBy, Inhibition, Maintenance, Matching, Receiver, Route, SinkKind};
use crate::data_dir::DataDir;

/// A store of alerts: for the desk, for those who ask it for actions, and for those who ask questions.
pub(crate) trait Alerts: AlertStore + AlertRequests + AlertQuery {}

impl<T: AlertStore + AlertRequests + AlertQuery> Alerts for T {}

/// What is done with a store that is opened beside the process that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It is asked questions.
    Read,
    /// The desk is asked for actions too. The store is made when it is not there.
    Write,
}

/// Opens the store of alerts: in the PostgreSQL of a sink when there is one, else in the embedded store. Whoever opens it takes nothing
/// over: the desk goes on.
///
/// # Errors
/// `Unavailable` when the server does not answer. `Broken` when it cannot be used, or is not there to be read.
pub(crate) async fn store(config: &Config, access: Access) -> Result<Arc<dyn Alerts>> {
    if let Some(settings) = in_postgres(config) {
        return Ok(Arc::new(postgres::Alerts::new(postgres::Store::open(settings).await?)));
    }
    embedded_store(DataDir::new(&config.data_dir).store(), access)
}

/// Opens the store of alerts in an embedded store.
///
/// # Errors
/// As [`store`].
pub(crate) fn embedded_store(path: PathBuf, access: Access) -> Result<Arc<dyn Alerts>> {
    let store = match access {
        Access::Read => embedded::Store::open_read_only(path)?,
        Access::Write => embedded::Store::open(path)?,
    };
    Ok(Arc::new(embedded::Alerts::new(store)))
}

/// What is done with alerts that are kept there.
///
/// # Errors
/// As [`policy`].
pub(super) fn plan(config: &Config, store: Arc<dyn Alerts>, notifiers: BTreeMap<String, Arc<dyn Notifier>>) -> Result<AlertPlan> {
    Ok(AlertPlan {
        store,
        policy: policy(config)?,
        rules: config.alerts.keys().cloned().collect(),
        notifiers,
        waits: Waits { give_up: config.incidents.give_up.0, ..Waits::default() },
        retention: config.incidents.retention.0,
    })
}

/// The ways to all receivers.
///
/// # Errors
/// `Broken` when a secret or a template cannot be read.
pub(super) fn notifiers(config: &Config) -> Result<BTreeMap<String, Arc<dyn Notifier>>> {
    config.receivers.iter().map(|(id, receiver)| Ok((id.clone(), notifier(id, &receiver.kind, &config.log)?))).collect()
}

/// The PostgreSQL that keeps alerts: that of the first sink.
pub(crate) fn in_postgres(config: &Config) -> Option<&postgres::Config> {
    config.sinks.values().find_map(|sink| if let SinkKind::Postgres(settings) = &sink.kind { Some(&**settings) } else { None })
}

/// What the desk goes by.
///
/// # Errors
/// `Rejected` when a maintenance window lasts too long, which reading the configuration would have told.
pub(crate) fn policy(config: &Config) -> Result<Policy> {
    let Config { routing, incidents, receivers, .. } = config;
    let root = desk::Route {
        receivers: Some(routing.receivers.clone().unwrap_or_else(|| receivers.keys().cloned().collect())),
        group_by: group_by(routing.group_by.as_ref()),
        group_wait: routing.group_wait.map(|span| span.0),
        group_interval: routing.group_interval.map(|span| span.0),
        repeat_interval: routing.repeat_interval.map(|span| span.0),
        escalation: escalation(routing.escalation.as_deref()),
        routes: routing.routes.iter().map(route).collect(),
        ..desk::Route::default()
    };
    let depends = config.alerts.iter().filter(|(_, rule)| !rule.depends.depends_on.is_empty());
    let depends = depends.map(|(id, rule)| desk::Inhibition {
        id: id.clone(),
        source: Matching::all(&rule.depends.depends_on),
        target: Matchers(vec![Matcher::equals("rule", id)]),
        equal: rule.depends.depends_equal.clone(),
        depends: DependsOn::Yes,
    });
    Ok(Policy {
        root,
        receivers: receivers.iter().map(|(id, settings)| (id.clone(), receiver(settings))).collect(),
        inhibitions: config.inhibitions.iter().map(|(id, settings)| inhibition(id, settings)).chain(depends).collect(),
        maintenance: config.maintenance.iter().map(|(id, settings)| maintenance(id, settings)).collect::<Result<_>>()?,
        correlate: incidents.correlate.0,
        late_after: incidents.late_after.0,
        flapping_hold: incidents.flapping_hold.0,
        alerts_max: incidents.alerts_max as usize,
    })
}

fn route(settings: &Route) -> desk::Route {
    desk::Route {
        id: settings.id.clone(),
        matchers: Matching::all(&settings.matchers),
        receivers: settings.receivers.clone(),
        group_by: group_by(settings.group_by.as_ref()),
        group_wait: settings.group_wait.map(|span| span.0),
        group_interval: settings.group_interval.map(|span| span.0),
        repeat_interval: settings.repeat_interval.map(|span| span.0),
        escalation: escalation(settings.escalation.as_deref()),
        go_on: settings.go_on,
        routes: settings.routes.iter().map(route).collect(),
    }
}

fn group_by(settings: Option<&GroupBy>) -> Option<desk::GroupBy> {
    settings.map(|settings| match settings {
        GroupBy::Labels(labels) => desk::GroupBy::Labels(labels.clone()),
        GroupBy::Each => desk::GroupBy::Each,
    })
}

fn escalation(settings: Option<&[Escalation]>) -> Option<Vec<desk::Escalation>> {
    let step = |of: &Escalation| desk::Escalation { after: of.after.0, receiver: of.receiver.clone() };
    settings.map(|settings| settings.iter().map(step).collect())
}

fn receiver(settings: &Receiver) -> desk::Receiver {
    desk::Receiver { rate: settings.common.rate.map(|rate| desk::Rate { count: rate.count, per: rate.per.0 }) }
}

fn inhibition(id: &str, settings: &Inhibition) -> desk::Inhibition {
    desk::Inhibition {
        id: id.to_owned(),
        source: Matching::all(&settings.source),
        target: Matching::all(&settings.target),
        equal: settings.equal.clone(),
        depends: DependsOn::No,
    }
}

fn maintenance(id: &str, settings: &Maintenance) -> Result<desk::Maintenance> {
    let Maintenance { matchers, begins, lasts, zone } = settings;
    let made = desk::Maintenance::new(id, Matching::all(matchers), begins.cron().clone(), lasts.0, zone.zone().clone());
    made.map_err(|e| Error::new(e.kind(), format!("setting up maintenance {id:?}")).because(e))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::from_text;

    const TEXT: &str = r#"
[sources.machine]
type = "host"

[alerts.down]
type = "state"

[alerts.hot]
type = "threshold"
metrics = ["cpu_usage"]
above = 90

[receivers.chat]
type = "slack"
url = { env = "X" }
rate = { count = 10, per = "1h" }

[receivers.on_call]
type = "pagerduty"
routing_key = { env = "X" }
"#;

    fn policy_of(more: &str) -> Policy {
        policy(&from_text("floodmark.toml", &format!("{TEXT}{more}")).unwrap_or_else(|report| panic!("{report}"))).unwrap()
    }

    #[test]
    fn without_routes_everybody_is_told_of_everything() {
        let all = Some(vec!["chat".to_owned(), "on_call".to_owned()]);
        assert_eq!(policy_of("").root.receivers, all);
        assert_eq!(policy_of("[route]\ngroup_by = \"each\"\n").root.receivers, all);
        assert_eq!(policy_of("[route]\nreceivers = []\n").root.receivers, Some(vec![]));
        let of = &policy_of("").receivers;
        assert_eq!(of["chat"].rate, Some(desk::Rate { count: 10, per: Duration::from_secs(3600) }));
        assert_eq!(of["on_call"].rate, None);
    }

    #[test]
    fn what_is_written_is_what_the_desk_goes_by() {
        let policy = policy_of(
            r#"
[route]
receivers = ["chat"]
group_by = ["source", "host"]
group_wait = "0s"

[[route.routes]]
id = "grave"
match = ["severity>=error"]
continue = true
receivers = ["on_call"]
escalation = [{ after = "30m", receiver = "chat" }]

[[route.routes.routes]]
id = "night"
match = ["rule=hot"]
group_by = "each"
repeat_interval = "1h"

[[route.routes]]
id = "rest"

[inhibitions.gravest]
source = ["severity=critical"]
target = ["severity=warning"]
equal = ["host"]

[maintenance.backup]
match = ["source=machine"]
begins = "0 2 * * sun"
lasts = "2h"
zone = "Europe/Berlin"

[incidents]
late_after = "1m"
alerts_max = 7
"#,
        );
        let grave = &policy.root.routes[0];
        let names: Vec<_> = policy.root.routes.iter().map(|route| (route.id.as_str(), route.go_on)).collect();
        assert_eq!(names, [("grave", true), ("rest", false)]);
        assert_eq!(policy.root.group_wait, Some(Duration::ZERO));
        assert_eq!(grave.escalation, Some(vec![desk::Escalation { after: Duration::from_secs(1800), receiver: "chat".into() }]));
        assert_eq!(grave.routes[0].group_by, Some(desk::GroupBy::Each));
        assert_eq!(grave.routes[0].repeat_interval, Some(Duration::from_secs(3600)));
        assert_eq!(grave.routes[0].matchers, Matchers::parse(["rule=hot"]).unwrap());
        assert_eq!(policy.inhibitions[0].equal, ["host"]);
        let ends = policy.maintenance[0].until(floodmark_schemas::Timestamp::parse("2026-11-22T02:00:00Z").unwrap());
        assert_eq!(ends.map(|end| end.to_string()).as_deref(), Some("2026-11-22T03:00:00Z"));
        assert_eq!((policy.late_after, policy.alerts_max), (Duration::from_secs(60), 7));
    }

    #[test]
    fn what_a_rule_depends_on_keeps_it_silent_and_is_no_part_of_its_results() {
        let with = TEXT.replace("above = 90", "above = 90\ndepends_on = [\"rule=down\"]\ndepends_equal = [\"host\"]");
        let with = from_text("floodmark.toml", &with).unwrap();
        let policy = policy(&with).unwrap();
        let [depends] = &policy.inhibitions[..] else { panic!("there is one") };
        assert_eq!((depends.id.as_str(), depends.depends, &depends.equal[..]), ("hot", DependsOn::Yes, &["host".to_owned()][..]));
        assert_eq!(depends.source, Matchers::parse(["rule=down"]).unwrap());
        assert_eq!(depends.target, Matchers::parse(["rule=hot"]).unwrap());

        let versions = |config: &Config| {
            let plans = crate::assemble::alerts::all_plans(config, 1).unwrap();
            plans.into_iter().map(|plan| plan.version).collect::<Vec<_>>()
        };
        assert_eq!(versions(&with), versions(&from_text("floodmark.toml", TEXT).unwrap()));
    }
}
