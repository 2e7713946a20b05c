//! A series: one metric of one source with one set of labels.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a value belongs to, without its source: inside a frame the source is the frame's.
///
/// The unit is part of the identity, so that values of different units never meet in one sum.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// What is measured, for example `cpu_usage`.
    pub metric: String,
    /// The unit, UCUM-like (`%`, `By`, `s`, `Cel`); empty when it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// What tells this series from others of the same metric.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Series {
    /// A series without unit and labels.
    pub fn new(metric: impl Into<String>) -> Self {
        Self { metric: metric.into(), ..Self::default() }
    }

    /// The same with a unit.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = unit.into();
        self
    }

    /// The same with one more label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// The canonical text: compact JSON with fields in declaration order and labels in order of their names.
    /// Equal series have equal keys, in every process and for ever.
    pub fn key(&self) -> String {
        serde_json::to_string(self).expect("a series of strings is always JSON")
    }

    /// Reads a canonical key back.
    ///
    /// # Errors
    /// When the text is not the JSON of a series.
    pub fn from_key(key: &str) -> Result<Self, crate::DecodeError> {
        serde_json::from_str(key).map_err(|e| crate::DecodeError::caused(format!("{key:?} is not a series"), e))
    }
}

/// The form people write: `cpu_usage{core="0",host="a"}`.
impl std::fmt::Display for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.metric)?;
        for (i, (name, value)) in self.labels.iter().enumerate() {
            write!(f, "{}{name}={value:?}", if i == 0 { '{' } else { ',' })?;
        }
        if self.labels.is_empty() { Ok(()) } else { f.write_str("}") }
    }
}

/// FNV-1a, 32 bits: the hash of JetStream's own `partition()` subject transform, so that a server and this code agree.
/// Constants: <http://www.isthe.com/chongo/tech/comp/fnv/>.
pub fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_canonical_and_reads_back() {
        let series = Series::new("temperature").unit("Cel").label("b", "2").label("a", "1");
        assert_eq!(series.key(), r#"{"metric":"temperature","unit":"Cel","labels":{"a":"1","b":"2"}}"#);
        assert_eq!(Series::from_key(&series.key()).unwrap(), series);
        assert_eq!(Series::new("up").key(), r#"{"metric":"up"}"#);
        assert_eq!(series.to_string(), r#"temperature{a="1",b="2"}"#);
    }

    #[test]
    fn the_hash_is_fnv1a() {
        // From the test vectors of draft-eastlake-fnv.
        assert_eq!(fnv1a(b""), 0x811c_9dc5);
        assert_eq!(fnv1a(b"a"), 0xe40c_292c);
        assert_eq!(fnv1a(b"foobar"), 0xbf9c_f968);
    }
}
