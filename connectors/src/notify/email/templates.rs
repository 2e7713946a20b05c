//! The three templates of a mail: the built-in ones, and those of a folder in their place.

use floodmark_core::Result;
use floodmark_schemas::Notification;

use super::super::link;
use super::super::templates::Templates;
use super::super::words::one_line;
use super::config::Config;
use crate::settings::Fault;

const SUBJECT: &str = "subject.txt";
const TEXT: &str = "mail.txt";
const HTML: &str = "mail.html";

const BUILT_IN: [(&str, &str); 3] = [
    (SUBJECT, include_str!("templates/subject.txt")),
    (TEXT, include_str!("templates/mail.txt")),
    (HTML, include_str!("templates/mail.html")),
];

/// A mail in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: String,
}

/// The templates that the settings name.
///
/// # Errors
/// What is wrong with which of them.
pub(super) fn load(config: &Config) -> Result<Templates, Vec<Fault>> {
    const KEY: &str = "template_dir";
    let mut templates = Templates::new(config.timezone.clone());
    for (name, source) in BUILT_IN {
        templates.add(name, source).expect("the built-in templates are tested");
    }
    let Some(folder) = &config.template_dir else { return Ok(templates) };
    let mut faults = Vec::new();
    let mut found = 0;
    for (name, _) in BUILT_IN {
        let file = folder.join(name);
        match std::fs::read_to_string(&file) {
            Ok(source) => {
                found += 1;
                let tried = templates.add(name, &source).and_then(|()| templates.try_out(name, &source));
                faults.extend(tried.err().map(|broken| broken.in_file(KEY, &file)));
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => faults.push(Fault::of(KEY, format!("{} cannot be read: {e}", file.display()), "make it readable text")),
        }
    }
    if found == 0 && faults.is_empty() {
        let what = format!("{} has none of {SUBJECT}, {TEXT} and {HTML}", folder.display());
        faults.push(Fault::of(KEY, what, "put one there, or remove the key for the built-in templates"));
    }
    if faults.is_empty() { Ok(templates) } else { Err(faults) }
}

/// Renders all three.
///
/// # Errors
/// `Rejected` when a template fails.
pub(super) fn render(templates: &Templates, config: &Config, notification: &Notification) -> Result<Texts> {
    let render = |name| templates.render(name, notification, link::of(config.link.as_ref(), &notification.incident));
    Ok(Texts { subject: one_line(&render(SUBJECT)?), text: render(TEXT)?, html: render(HTML)? })
}
