//! Lists of answers: page after page from a store to stdout.

use std::io::Write;
use std::ops::ControlFlow;

use floodmark_core::ports::Page;
use serde::Serialize;

use super::args::Global;
use super::csv;
use super::exit::Failure;
use super::output::{self, Pipe};
use super::table::Table;

/// The most answers that are asked for at once.
const PAGE: usize = 1_000;

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// For people; needs all answers in memory.
    Table,
    /// One JSON object on each line.
    Json,
    /// A line of names, then one line for each answer.
    Csv,
}

/// An answer that can be listed.
pub(super) trait Listed: Serialize + Sized {
    /// The names of the CSV fields; none where a command has no CSV.
    const FIELDS: &[&str] = &[];
    /// The CSV fields.
    fn fields(&self) -> Vec<String> {
        Vec::new()
    }
    /// The answers as a table.
    fn table(answers: &[Self]) -> Table;
}

/// What came of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    /// How many answers were written.
    pub(super) shown: usize,
    /// Whether there are more than the limit.
    pub(super) more: bool,
}

impl Count {
    /// Says on stderr what the list itself does not: that there is nothing, or more.
    pub(super) fn say(self, global: &Global, (one, many): (&str, &str), remedy: &str) {
        if global.verbosity() < 0 {
            return;
        }
        if self.more {
            let what = if self.shown == 1 { one } else { many };
            let text = format!("floodmark: there are more than {} {what}\n  Help: -n sets how many are listed; {remedy}\n", self.shown);
            output::notice(&text);
        } else if self.shown == 0 {
            output::notice(&format!("floodmark: no {many} found\n"));
        }
    }
}

/// Writes at most `limit` answers to stdout. `ask` is given the page to go on from and how many it may answer.
pub(super) async fn list<T: Listed, F>(form: Form, limit: usize, ask: impl Fn(Option<String>, usize) -> F) -> Result<Count, Failure>
where
    F: Future<Output = floodmark_core::Result<Page<T>>>,
{
    let mut out = Pipe::stdout();
    let mut rows = Vec::new();
    if form == Form::Csv {
        out.text(&csv::line(T::FIELDS))?;
    }
    let count = pages(limit, ask, |page: Vec<T>| {
        match form {
            Form::Table => rows.extend(page),
            Form::Json => page.iter().try_for_each(|answer| out.text(&json_line(answer)))?,
            Form::Csv => page.iter().try_for_each(|answer| out.text(&csv::line(answer.fields())))?,
        }
        Ok(if out.gone() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
    .await?;
    out.text(&T::table(&rows).render(output::width()))?;
    out.flush().map_err(output::failed)?;
    Ok(count)
}

/// The answer as one line of JSON.
pub(super) fn json_line(answer: &impl Serialize) -> String {
    let mut line = serde_json::to_string(answer).expect("what the schemas hold is JSON");
    line.push('\n');
    line
}

pub(super) async fn pages<T, F>(
    limit: usize,
    ask: impl Fn(Option<String>, usize) -> F,
    mut take: impl FnMut(Vec<T>) -> Result<ControlFlow<()>, Failure>,
) -> Result<Count, Failure>
where
    F: Future<Output = floodmark_core::Result<Page<T>>>,
{
    let mut count = Count { shown: 0, more: false };
    let mut after = None;
    while count.shown < limit {
        let page = ask(after.take(), PAGE.min(limit - count.shown)).await?;
        count.shown += page.items.len();
        // A reader that has seen enough does not want to know that there is more.
        if take(page.items)?.is_break() {
            break;
        }
        after = page.next;
        count.more = count.shown == limit && after.is_some();
        if after.is_none() {
            break;
        }
    }
    Ok(count)
}
