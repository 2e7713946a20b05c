//! The mapped fields of a JSON object, borrowed from its line.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::cells::Cell;

/// Fills the cells of `columns` from the object in `line`. Other fields are passed over.
///
/// # Errors
/// When the line is not one JSON object, or a mapped field stands in it twice.
pub fn read<'a>(line: &'a str, columns: &[String], cells: &mut [Cell<'a>]) -> Result<(), String> {
    let mut json = serde_json::Deserializer::from_str(line);
    Object { columns, cells }.deserialize(&mut json).and_then(|()| json.end()).map_err(|e| format!("not a JSON object to read: {e}"))
}

struct Object<'a, 'c> {
    columns: &'c [String],
    cells: &'c mut [Cell<'a>],
}

impl<'a> DeserializeSeed<'a> for Object<'a, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Object<'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        // Objects of one file mostly have their fields in one order: the field after the last one is tried first.
        let mut guess = 0;
        while let Some(found) = map.next_key_seed(Key { columns: self.columns, guess })? {
            let Some(slot) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let raw: &RawValue = map.next_value()?;
            if self.cells[slot] != Cell::Absent {
                return Err(serde::de::Error::custom(format!("field {:?} stands there twice", self.columns[slot])));
            }
            self.cells[slot] = Cell::of_json(raw.get());
            guess = slot + 1;
        }
        Ok(())
    }
}

/// The slot of a key, if it is mapped.
struct Key<'c> {
    columns: &'c [String],
    guess: usize,
}

impl<'a> DeserializeSeed<'a> for Key<'_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        if self.columns.get(self.guess).is_some_and(|column| column == key) {
            return Ok(Some(self.guess));
        }
        Ok(self.columns.iter().position(|column| column == key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Result<[Cell<'_>; 3], &str>) {
        let columns = ["ts", "v", "k"].map(str::to_owned);
        let mut cells = [Cell::Absent; 3];
        let result = read(line, &columns, &mut cells);
        match expected {
            Ok(expected) => assert_eq!((result, cells), (Ok(()), expected), "{line}"),
            Err(text) => assert!(result.as_ref().is_err_and(|e| e.contains(text)), "{line}: {result:?}"),
        }
    }

    #[test]
    fn mapped_fields_are_found_in_any_order() {
        use Cell::{Absent, Empty, Escaped, Nested, Text};
        check(r#"{"ts":"t","v":1.50,"k":"x"}"#, Ok([Text("t"), Text("1.50"), Text("x")]));
        check(r#" {"k":"x\n","other":{"v":[1]},"v":null,"ts":7} "#, Ok([Text("7"), Empty, Escaped(r#""x\n""#)]));
        check(r#"{"v":{"a":1},"k":[]}"#, Ok([Absent, Nested, Nested]));
        check("{}", Ok([Absent, Absent, Absent]));
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        check("[1]", Err("expected a JSON object"));
        check(r#"{"v":1} {"v":2}"#, Err("trailing characters"));
        check(r#"{"v":1,"v":2}"#, Err("stands there twice"));
        check(r#"{"v":NaN}"#, Err("expected"));
        check(r#"{"v":1"#, Err("EOF"));
    }
}
