//! Templates of texts, in the language of Jinja (<https://docs.rs/minijinja/latest/minijinja/syntax/index.html>).
//!
//! Each kind of receiver names its templates and brings defaults; a configuration replaces single ones. A template whose name
//! ends in `.html` escapes what it prints. Besides the built-in filters there are `time` (of a time, in the receiver's zone
//! or a named one), `duration` (of seconds) and `number`. When a configuration is checked, each template that was replaced is
//! tried on a sample, and a name that means nothing is an error; when a notification is delivered, it is an empty text.

use std::collections::BTreeSet;
use std::path::Path;

use floodmark_core::{Error, Result};
use floodmark_schemas::{Notification, NotificationReason, Timestamp};
use minijinja::{Environment, ErrorKind, UndefinedBehavior};

use super::sample::sample;
use super::view::view;
use super::words;
use crate::settings::{Fault, Timezone};

/// How many steps one template may take: far more than any mail needs, and it ends.
const FUEL: u64 = 5_000_000;

/// The templates of one receiver.
pub struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// Templates by name, none yet. Times are told in `zone` where a template names no other.
    pub fn new(zone: Timezone) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_fuel(Some(FUEL));
        environment.add_filter("number", words::number);
        environment.add_filter("duration", words::duration);
        environment.add_filter("time", move |time: &str, named: Option<String>| -> Result<String, minijinja::Error> {
            let wrong = |text: String| minijinja::Error::new(ErrorKind::InvalidOperation, text);
            let time = Timestamp::parse(time).map_err(|e| wrong(e.to_string()))?;
            match named {
                None => Ok(zone.text(time)),
                Some(name) => Ok(Timezone::try_from(name).map_err(wrong)?.text(time)),
            }
        });
        Self { environment }
    }

    /// Takes a template.
    ///
    /// # Errors
    /// What is wrong with it and where.
    pub fn add(&mut self, name: &str, source: &str) -> Result<(), Broken> {
        self.environment.add_template_owned(name.to_owned(), source.to_owned()).map_err(|e| Broken::of(&e, source))
    }

    /// The text of template `name` for a notification.
    ///
    /// # Errors
    /// `Rejected` when the template fails: it would fail again.
    pub fn render(&self, name: &str, notification: &Notification, link: Option<String>) -> Result<String> {
        let text = self.environment.get_template(name).and_then(|template| template.render(view(notification, link)));
        text.map_err(|e| Error::rejected(format!("rendering template {name}: {}", Broken::of(&e, "").text())))
    }

    /// Tries template `name` on a sample, strictly.
    ///
    /// # Errors
    /// What is wrong with it and where.
    pub fn try_out(&mut self, name: &str, source: &str) -> Result<(), Broken> {
        let seen = view(&sample("sample", Timestamp::from_secs(1_769_860_800), NotificationReason::Opened), None);
        self.environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        let template = self.environment.get_template(name).map_err(|e| Broken::of(&e, source))?;
        let globals: BTreeSet<&str> = self.environment.globals().map(|(name, _)| name).collect();
        let names: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
        // Also where the sample does not lead, or where nothing is as good as something.
        let unknown =
            names.iter().find(|name| !globals.contains(name.as_str()) && seen.get_attr(name).is_ok_and(|value| value.is_undefined()));
        let tried = match unknown {
            Some(unknown) => Err(Broken::unknown(unknown, source)),
            None => template.render(seen).map(drop).map_err(|e| Broken::of(&e, source)),
        };
        self.environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        tried
    }
}

/// A template that does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The line, from 1.
    pub line: usize,
    /// The bytes of the template it is about, where they are known.
    pub range: Option<std::ops::Range<usize>>,
    /// What is wrong.
    pub what: String,
}

impl Broken {
    fn of(e: &minijinja::Error, source: &str) -> Self {
        let what = e.detail().map_or_else(|| e.kind().to_string(), |detail| format!("{}: {detail}", e.kind()));
        let inside = |range: &std::ops::Range<usize>| range.end <= source.len() && source.is_char_boundary(range.start);
        Self { line: e.line().unwrap_or(1), range: e.range().filter(inside), what }
    }

    fn unknown(name: &str, source: &str) -> Self {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let alone = |at: &usize| !source[..*at].ends_with(word) && !source[at + name.len()..].starts_with(word);
        let at = source.match_indices(name).map(|(at, _)| at).find(alone);
        let line = source[..at.unwrap_or(0)].matches('\n').count() + 1;
        Self { line, range: at.map(|at| at..at + name.len()), what: format!("there is no `{name}`") }
    }

    fn text(&self) -> String {
        format!("line {}: {}", self.line, self.what)
    }

    /// The fault of a template that stands in the setting `key` itself.
    pub fn in_setting(self, key: &str) -> Fault {
        let fault = Fault::of(key, format!("this template does not work: {}", self.text()), "correct it");
        match self.range {
            Some(range) => fault.within(range),
            None => fault,
        }
    }

    /// The fault of the template in `file`, which the setting `key` leads to.
    pub fn in_file(self, key: &str, file: &Path) -> Fault {
        let what = format!("{}:{}: {}", file.display(), self.line, self.what);
        Fault::of(key, what, "correct the file, or remove it for the built-in template")
    }
}
