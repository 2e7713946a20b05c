//! Draws a report for people: the place, the line with a caret, the hint.

use std::ops::Range;

use ariadne::{CharSet, Color, Config, IndexType, Label, ReportKind, Source};

use super::files::File;
use super::report::{Found, Report};
use super::scrub::mask_lines;

impl Report {
    /// The whole report as text, with colours if asked for.
    pub fn render(&self, colour: bool) -> String {
        let shown: Vec<(String, Source<String>)> =
            self.files.iter().map(|file| (file.name.clone(), Source::from(self.display_text(file)))).collect();
        let mut out = String::new();
        for found in self.sorted() {
            match found.span.as_ref().and_then(|span| self.files.locate(span)) {
                Some((file, span)) => out.push_str(&self.draw(found, file, span, &shown, colour)),
                None => {
                    let file = found.file.as_deref().unwrap_or_default();
                    out.push_str(&format!("Error: {file} {}\n", found.message));
                    if let Some(hint) = &found.hint {
                        out.push_str(&format!("  Help: {hint}\n"));
                    }
                }
            }
            out.push('\n');
        }
        let count = self.found.len();
        out.push_str(&format!("{count} {} in the configuration\n", if count == 1 { "problem" } else { "problems" }));
        out
    }

    fn draw(&self, found: &Found, file: &File, span: Range<usize>, shown: &[(String, Source<String>)], colour: bool) -> String {
        let config = Config::default().with_index_type(IndexType::Byte).with_char_set(CharSet::Unicode).with_color(colour);
        let place = (file.name.clone(), visible(&file.text, span));
        let mut drawing = ariadne::Report::build(ReportKind::Error, place.clone())
            .with_config(config)
            .with_message(&found.message)
            .with_label(Label::new(place).with_message("here").with_color(Color::Red));
        if let Some((span, message)) = &found.related
            && let Some((file, span)) = self.files.locate(span)
        {
            let label = Label::new((file.name.clone(), visible(&file.text, span))).with_message(message).with_color(Color::Blue);
            drawing = drawing.with_label(label);
        }
        if let Some(hint) = &found.hint {
            drawing = drawing.with_help(hint);
        }
        let cache = ariadne::FnCache::new(|name: &String| Err(format!("{name} is not part of the configuration")))
            .with_sources(shown.iter().cloned().collect());
        let mut out = Vec::new();
        match drawing.finish().write(cache, &mut out) {
            Ok(()) => String::from_utf8_lossy(&out).lines().map(|line| format!("{}\n", line.trim_end())).collect(),
            Err(e) => format!("Error: {}: {} ({e})\n", file.name, found.message),
        }
    }

    /// The text of a file as it may be shown: same offsets, but no secrets and no control characters.
    fn display_text(&self, file: &File) -> String {
        let mut bytes = mask_lines(&file.text).into_bytes();
        for found in self.found.iter().filter(|f| f.secret) {
            let Some((of, span)) = found.span.as_ref().and_then(|s| self.files.locate(s)) else { continue };
            if of.offset == file.offset {
                bytes[span].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b'*');
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// A span of at least one byte where there is one, and within one line: what is pointed at is its beginning.
fn visible(text: &str, span: Range<usize>) -> Range<usize> {
    let line_end = text[span.start..].find(['\n', '\r']).map_or(text.len(), |i| span.start + i);
    let next = text[span.start..].chars().next().map_or(0, char::len_utf8);
    span.start..span.end.min(line_end).max((span.start + next).min(line_end))
}
