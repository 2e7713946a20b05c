//! Writes a configuration as it is in effect: all defaults filled in, no secrets.

use serde_json::{Map, Value};

use super::model::Config;
use super::scrub::{is_secret_name, scrub};

/// The configuration as JSON.
pub fn show_json(config: &Config) -> Value {
    let mut value = serde_json::to_value(config).expect("a configuration holds text keys and finite numbers only");
    clean("", &mut value);
    value
}

/// The configuration as TOML that can be loaded again, except for what was hidden.
pub fn show_toml(config: &Config) -> String {
    let Value::Object(root) = show_json(config) else { return String::new() };
    let (tables, scalars): (Map<String, Value>, Map<String, Value>) = root.into_iter().partition(|(_, value)| value.is_object());
    let mut out = String::new();
    write_keys(&mut out, &scalars);
    for (section, value) in tables {
        let Value::Object(table) = value else { continue };
        if matches!(section.as_str(), "sources" | "operators" | "alerts" | "sinks" | "receivers" | "inhibitions" | "maintenance") {
            for (id, component) in &table {
                write_table(&mut out, &format!("{section}.{id}"), component);
            }
        } else {
            write_table(&mut out, &section, &Value::Object(table));
        }
    }
    out
}

fn write_table(out: &mut String, header: &str, value: &Value) {
    let Value::Object(table) = value else { return };
    out.push_str(&format!("\n[{header}]\n"));
    write_keys(out, table);
}

fn write_keys(out: &mut String, table: &Map<String, Value>) {
    for (key, value) in table {
        out.push_str(&format!("{} = {}\n", toml_key(key), toml_inline(value)));
    }
}

/// A value on one line.
pub(super) fn toml_inline(value: &Value) -> String {
    match value {
        Value::Object(table) if table.is_empty() => "{}".to_owned(),
        Value::Object(table) => {
            let pairs: Vec<String> = table.iter().map(|(key, value)| format!("{} = {}", toml_key(key), toml_inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(toml_inline).collect::<Vec<_>>().join(", ")),
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        other => other.to_string(),
    }
}

fn toml_key(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if bare { key.to_owned() } else { toml::Value::String(key.to_owned()).to_string() }
}

/// Takes secrets and absent values out.
fn clean(key: &str, value: &mut Value) {
    match value {
        Value::String(_) if is_secret_name(key) => *value = Value::String("***".to_owned()),
        Value::String(text) => *text = scrub(text),
        Value::Array(items) => items.iter_mut().for_each(|item| clean(key, item)),
        Value::Object(table) => {
            table.retain(|_, value| !value.is_null());
            table.iter_mut().for_each(|(key, value)| clean(key, value));
        }
        _ => {}
    }
}
