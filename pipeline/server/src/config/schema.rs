//! The JSON Schema of the configuration, of events and of notifications: for editors, for those who write to the log, and for
//! those who are told.

use floodmark_connectors::sources::connectivity;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::alert::AlertCommon;
use super::incidents::Incidents;
use super::kinds::{AlertKind, Kind, LogKind, OperatorKind, ReceiverKind, SinkKind, SourceKind};
use super::model::{Api, Covering, SourceCommon, Telemetry, Top};
use super::receivers::ReceiverCommon;
use super::routes::Routing;
use super::silencing::{Depends, Inhibition, Maintenance};
use super::tests;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of one event.
pub fn event_schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<floodmark_schemas::Event>();
    schema.insert("title".to_owned(), "Floodmark event".into());
    schema.to_value()
}

/// The schema of one notification: what webhooks and programs get.
pub fn notification_schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<floodmark_schemas::Notification>();
    schema.insert("title".to_owned(), "Floodmark notification".into());
    schema.to_value()
}

/// The schema of a configuration file.
pub fn config_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let common = SourceCommon::json_schema(&mut generator);
    let of_alerts = [AlertCommon::json_schema(&mut generator), Depends::json_schema(&mut generator)];
    let of_receivers = ReceiverCommon::json_schema(&mut generator);
    let mut properties = object(&Top::json_schema(&mut generator), "properties");
    properties.insert("log".to_owned(), kinds::<LogKind>(&mut generator, &[], false));
    properties.insert("api".to_owned(), Api::json_schema(&mut generator).to_value());
    properties.insert("telemetry".to_owned(), Telemetry::json_schema(&mut generator).to_value());
    properties.insert("coverage".to_owned(), Covering::json_schema(&mut generator).to_value());
    properties.insert("connectivity".to_owned(), connectivity::Config::json_schema(&mut generator).to_value());
    properties.insert("route".to_owned(), Routing::json_schema(&mut generator).to_value());
    properties.insert("incidents".to_owned(), Incidents::json_schema(&mut generator).to_value());
    for (section, schema) in [
        ("sources", kinds::<SourceKind>(&mut generator, &[common], true)),
        ("operators", kinds::<OperatorKind>(&mut generator, &[], true)),
        ("alerts", kinds::<AlertKind>(&mut generator, &of_alerts, true)),
        ("sinks", kinds::<SinkKind>(&mut generator, &[], true)),
        ("receivers", kinds::<ReceiverKind>(&mut generator, &[of_receivers], true)),
        ("inhibitions", Inhibition::json_schema(&mut generator).to_value()),
        ("maintenance", Maintenance::json_schema(&mut generator).to_value()),
    ] {
        let ids = json!({ "pattern": "^(?!floodmark)[A-Za-z0-9_-]{1,64}$" });
        properties.insert(section.to_owned(), json!({ "type": "object", "propertyNames": ids, "additionalProperties": schema }));
    }
    properties.insert("tests".to_owned(), json!({ "type": "array", "items": tests::schema(&mut generator).to_value() }));
    json!({
        "$schema": DRAFT,
        "title": "Floodmark configuration",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": generator.take_definitions(true),
    })
}

/// One of the kinds of a set, told apart by `type`.
fn kinds<K: Kind>(generator: &mut SchemaGenerator, common: &[Schema], type_required: bool) -> Value {
    let one_of: Vec<Value> = K::schemas(generator).iter().map(|(kind, schema)| of_kind(kind, schema, common, type_required)).collect();
    json!({ "oneOf": one_of })
}

fn of_kind(kind: &str, schema: &Schema, common: &[Schema], type_required: bool) -> Value {
    let mut whole = schema.clone().to_value();
    let mut properties = Map::new();
    properties.insert("type".to_owned(), json!({ "const": kind }));
    properties.extend(object(schema, "properties"));
    properties.extend(common.iter().flat_map(|common| object(common, "properties")));
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let own: Vec<Value> = type_required.then(|| json!("type")).into_iter().chain(required).collect();
    whole["properties"] = Value::Object(properties);
    whole["additionalProperties"] = json!(false);
    if !own.is_empty() {
        whole["required"] = json!(own);
    }
    whole
}

fn object(schema: &Schema, key: &str) -> Map<String, Value> {
    schema.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
}
