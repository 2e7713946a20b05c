//! The address of a person, as mails have it.

use std::borrow::Cow;
use std::fmt;

use lettre::message::Mailbox;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sources::probe::settings::text_then;

/// An address with or without a name: `"name@example.org"` or `"Name <name@example.org>"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Mailbox);

impl Address {
    /// For a mail.
    pub fn mailbox(&self) -> &Mailbox {
        &self.0
    }

    /// What stands after the `@`.
    pub fn domain(&self) -> &str {
        self.0.email.domain()
    }
}

impl std::str::FromStr for Address {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let hint = "write \"name@example.org\" or \"Name <name@example.org>\"";
        text.parse().map(Self).map_err(|_| format!("{text:?} is not an address of mail; {hint}"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_then(deserializer, "an address as text, such as \"name@example.org\"")
    }
}

impl JsonSchema for Address {
    fn schema_name() -> Cow<'static, str> {
        "MailAddress".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "@", "description": "An address such as name@example.org or Name <name@example.org>" })
    }
}
