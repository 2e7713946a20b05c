//! Reads values of the tree with serde, and says of each failure what it was, where, and on which way through the tree.

use std::fmt::Display;
use std::ops::Range;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::tree::{Node, Value};

/// Why a value could not be read.
#[derive(Debug)]
pub struct Fault(Box<Inner>);

#[derive(Debug)]
struct Inner {
    what: What,
    span: Option<Range<usize>>,
    /// From the inside to the outside.
    way: Vec<Step>,
}

/// What was wrong.
#[derive(Debug, PartialEq, Eq)]
pub enum What {
    /// A key nobody reads.
    UnknownKey(String, &'static [&'static str]),
    /// A name that is none of a closed set.
    UnknownName(String, &'static [&'static str]),
    /// A key that must be there.
    MissingKey(&'static str),
    /// Another type was expected.
    Type(String),
    /// The type was right, the value not: what was expected.
    Range(String),
    /// What a type said itself.
    Other(String),
}

/// One step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To the value of a key.
    Key(String),
    /// To the item of a list that starts at this offset.
    Item(usize),
}

impl Fault {
    fn new(what: What) -> Self {
        Self(Box::new(Inner { what, span: None, way: Vec::new() }))
    }

    fn at(mut self, span: &Range<usize>) -> Self {
        self.0.span.get_or_insert_with(|| span.clone());
        self
    }

    fn through(mut self, step: Step) -> Self {
        self.0.way.push(step);
        self
    }

    /// What was wrong, where, and the way there from the root.
    pub fn into_parts(self) -> (What, Option<Range<usize>>, Vec<Step>) {
        let Inner { what, span, mut way } = *self.0;
        way.reverse();
        (what, span, way)
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0.what)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(text: T) -> Self {
        Self::new(What::Other(text.to_string()))
    }
    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(What::Type(expected.to_string()))
    }
    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(What::Range(expected.to_string()))
    }
    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Self {
        Self::new(What::Other(format!("expected {expected}, found {length} items")))
    }
    fn unknown_variant(name: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::UnknownName(name.to_owned(), expected))
    }
    fn unknown_field(name: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::UnknownKey(name.to_owned(), expected))
    }
    fn missing_field(name: &'static str) -> Self {
        Self::new(What::MissingKey(name))
    }
}

impl<'de> de::Deserializer<'de> for Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let span = self.span;
        match self.value {
            Value::Text(text) => visitor.visit_string(text),
            Value::Integer(number) => match (i64::try_from(number), u64::try_from(number)) {
                (Ok(number), _) => visitor.visit_i64(number),
                (_, Ok(number)) => visitor.visit_u64(number),
                _ => visitor.visit_i128(number),
            },
            Value::Float(number) => visitor.visit_f64(number),
            Value::Boolean(value) => visitor.visit_bool(value),
            Value::Time(text) => visitor.visit_string(text),
            Value::List(items) => visitor.visit_seq(Items(items.into_iter())),
            Value::Table(table) => visitor.visit_map(Entries { rest: table.into_iter(), value: None }),
        }
        .map_err(|fault: Fault| fault.at(&span))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let span = self.span.clone();
        visitor.visit_some(self).map_err(|fault| fault.at(&span))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        let span = self.span.clone();
        visitor.visit_newtype_struct(self).map_err(|fault| fault.at(&span))
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, names: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        let span = self.span;
        match self.value {
            Value::Text(name) => visitor.visit_enum(name.into_deserializer()),
            Value::Table(table) if table.len() == 1 => visitor.visit_enum(Entries { rest: table.into_iter(), value: None }),
            Value::Table(_) => Err(Fault::new(What::Other(format!("expected exactly one of the keys {}", names.join(", "))))),
            _ => Err(Fault::new(What::Type(format!("one of {}", names.join(", "))))),
        }
        .map_err(|fault| fault.at(&span))
    }

    forward_to_deserialize_any! {
        bool u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 char str string seq bytes byte_buf map unit
        unit_struct struct tuple_struct tuple identifier ignored_any
    }
}

struct Items(std::vec::IntoIter<Node>);

impl<'de> de::SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.0.next() else { return Ok(None) };
        let span = node.span.clone();
        seed.deserialize(node).map(Some).map_err(|fault| fault.at(&span).through(Step::Item(span.start)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries {
    rest: std::collections::btree_map::IntoIter<String, (Range<usize>, Node)>,
    value: Option<(String, Node)>,
}

impl Entries {
    fn next_key<'de, K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, (span, node))) = self.rest.next() else { return Ok(None) };
        let name: StrDeserializer<'_, Fault> = key.as_str().into_deserializer();
        let read = seed.deserialize(name).map_err(|fault| fault.at(&span).through(Step::Key(key.clone())))?;
        self.value = Some((key, node));
        Ok(Some(read))
    }

    fn next_value<'de, V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, node) = self.value.take().ok_or_else(|| Fault::new(What::Other("a value was read before its key".to_owned())))?;
        let span = node.span.clone();
        seed.deserialize(node).map_err(|fault| fault.at(&span).through(Step::Key(key)))
    }
}

impl<'de> de::MapAccess<'de> for Entries {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.next_key(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        self.next_value(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

impl<'de> de::EnumAccess<'de> for Entries {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(mut self, seed: V) -> Result<(V::Value, Self), Fault> {
        let name = self.next_key(seed)?.ok_or_else(|| Fault::new(What::Other("expected exactly one key".to_owned())))?;
        Ok((name, self))
    }
}

impl<'de> de::VariantAccess<'de> for Entries {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Err(Fault::new(What::Other("this is a name, not a table; write it as text".to_owned())))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(mut self, seed: T) -> Result<T::Value, Fault> {
        self.next_value(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(mut self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        struct Tuple<V>(usize, V);
        impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Tuple<V> {
            type Value = V::Value;
            fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
                deserializer.deserialize_tuple(self.0, self.1)
            }
        }
        self.next_value(Tuple(length, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(mut self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        struct Fields<V>(&'static [&'static str], V);
        impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Fields<V> {
            type Value = V::Value;
            fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
                deserializer.deserialize_struct("", self.0, self.1)
            }
        }
        self.next_value(Fields(fields, visitor))
    }
}
