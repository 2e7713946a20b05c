//! `[route]` and the routes below it: who is told of which alerts, how soon and how often.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use floodmark_connectors::settings::{Fault, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::check::CENTURY;
use super::matching::Matching;

/// How deep routes may lie in routes.
const DEPTH_MAX: usize = 16;

/// Declares a node of the tree: its own keys, then those that all nodes have.
macro_rules! route {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$about])* pub $key: $type,)*
            /// The ids of the receivers that are told; nobody for `[]`. Those of the route above when absent; of `[route]`, all receivers.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub receivers: Option<Vec<String>>,
            /// What becomes one incident: alerts that are equal in these labels, or `"each"` alert by itself. That of the route above when
            /// absent; of `[route]`, `["rule"]`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "GroupBy")]
            pub group_by: Option<GroupBy>,
            /// How long the first notification waits for more alerts of the incident. That of the route above when absent; of `[route]`, `"30s"`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Span")]
            pub group_wait: Option<Span>,
            /// How long after a notification the next one tells what has changed. That of the route above when absent; of `[route]`, `"5m"`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Span")]
            pub group_interval: Option<Span>,
            /// How long after a notification it is told again that the incident goes on. That of the route above when absent; of `[route]`,
            /// `"4h"`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Span")]
            pub repeat_interval: Option<Span>,
            /// Who else is told when nobody has acknowledged the incident. That of the route above when absent; of `[route]`, nobody.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub escalation: Option<Vec<Escalation>>,
            /// The routes below: an alert goes to the first that takes it, and to later ones as long as each says `continue`.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub routes: Vec<Route>,
        }

        impl $name {
            /// The keys that all nodes have.
            fn told(&self) -> Told<'_> {
                let Self { group_by, group_wait, group_interval, repeat_interval, escalation, .. } = self;
                Told {
                    group_by: group_by.as_ref(),
                    group_wait: *group_wait,
                    group_interval: *group_interval,
                    repeat_interval: *repeat_interval,
                    escalation: escalation.as_deref().unwrap_or_default(),
                }
            }
        }
    };
}

route! {
    /// The route that every alert takes; what it says holds for the routes below too, until they say something else.
    ///
    /// Without it, and when it has no `receivers`, all receivers are told of all alerts.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    Routing {}
}

route! {
    /// A route for some alerts.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    Route {
        /// Its name among the routes beside it. Incidents belong to a route by it: renaming one begins new incidents.
        id: String,
        /// Which alerts it takes: those for which all of these hold, such as `"team=db"` or `"severity>=error"`. All when absent.
        #[serde(rename = "match", default, skip_serializing_if = "Vec::is_empty")]
        matchers: Vec<Matching>,
        /// Whether routes beside it are asked too.
        #[serde(rename = "continue", default)]
        go_on: bool,
    }
}

/// What becomes one incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// Alerts that are equal in these labels.
    Labels(Vec<String>),
    /// Each alert.
    Each,
}

/// Who is told when nobody has acknowledged an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// So long after the first notification.
    pub after: Span,
    /// The id of the receiver.
    pub receiver: String,
}

/// The keys of a node, wherever it stands in the tree.
struct Told<'a> {
    group_by: Option<&'a GroupBy>,
    group_wait: Option<Span>,
    group_interval: Option<Span>,
    repeat_interval: Option<Span>,
    escalation: &'a [Escalation],
}

impl Routing {
    /// Whether it says nothing.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What cannot work, as far as routes say it alone.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = self.told().faults();
        below(&self.routes, 1, &mut faults);
        faults
    }
}

/// The faults of routes that lie so deep, with the way to them.
fn below(routes: &[Route], depth: usize, faults: &mut Vec<Fault>) {
    for (i, route) in routes.iter().enumerate() {
        let mut own = route.told().faults();
        if route.id.is_empty() || route.id.contains('/') {
            own.push(Fault::of("id", format!("{:?} is no name of a route", route.id), "write for example \"database\", without `/`"));
        }
        if depth == DEPTH_MAX && !route.routes.is_empty() {
            own.push(Fault::of("routes", format!("routes lie more than {DEPTH_MAX} deep"), "write more matchers in fewer routes"));
        } else {
            below(&route.routes, depth + 1, &mut own);
        }
        let place = ["routes".to_owned(), i.to_string()];
        faults.extend(own.into_iter().map(|fault| Fault { path: place.iter().cloned().chain(fault.path).collect(), ..fault }));
    }
}

impl Told<'_> {
    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let spans = [("group_wait", self.group_wait), ("group_interval", self.group_interval), ("repeat_interval", self.repeat_interval)];
        for (key, span) in spans.into_iter().filter_map(|(key, span)| Some((key, span?))) {
            if span.0 > CENTURY {
                faults.push(Fault::of(key, "this is more than 100 years", "write for example \"4h\""));
            } else if span.0 < Duration::from_secs(1) && key != "group_wait" {
                faults.push(Fault::of(key, "this is shorter than a second", "write 1s or more, for example \"5m\""));
            }
        }
        if let Some(GroupBy::Labels(labels)) = self.group_by {
            let empty = labels.iter().enumerate().filter(|(_, label)| label.is_empty());
            let fault = |i| Fault::of("group_by", "a label has a name", "write for example \"host\"").entry(i);
            faults.extend(empty.map(|(i, _)| fault(i)));
        }
        for (i, escalation) in self.escalation.iter().enumerate().filter(|(_, of)| of.after.0.is_zero() || of.after.0 > CENTURY) {
            let what = format!("nobody can be told {} later", escalation.after);
            let remedy = "write for example \"30m\"; who is to be told at once stands in `receivers`";
            faults.push(Fault::of("escalation", what, remedy).entry(i).key("after"));
        }
        faults
    }
}

impl Serialize for GroupBy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Labels(labels) => labels.serialize(serializer),
            Self::Each => serializer.serialize_str("each"),
        }
    }
}

impl<'de> Deserialize<'de> for GroupBy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl<'de> de::Visitor<'de> for Written {
            type Value = GroupBy;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of labels, or \"each\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<GroupBy, E> {
                let other =
                    || E::custom(format_args!("expected a list of labels, or \"each\", found {text:?}; write [{text:?}] or \"each\""));
                if text == "each" { Ok(GroupBy::Each) } else { Err(other()) }
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<GroupBy, A::Error> {
                let mut labels = Vec::new();
                while let Some(label) = list.next_element()? {
                    labels.push(label);
                }
                Ok(GroupBy::Labels(labels))
            }
        }
        deserializer.deserialize_any(Written)
    }
}

impl JsonSchema for GroupBy {
    fn schema_name() -> Cow<'static, str> {
        "GroupBy".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "array", "items": { "type": "string" } }, { "enum": ["each"] }] })
    }
}
