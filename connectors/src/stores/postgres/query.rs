//! The questions of the API and the CLI, answered page by page.
//!
//! Pages are cut by key, not by offset: a page costs the same wherever it lies, and rows that come in between two
//! pages neither repeat nor hide others.

mod dead_letters;
mod events;
mod series;
mod token;

/// The most answers on a page; a larger limit is cut to it.
pub const PAGE_MAX: usize = 10_000;

/// The most rows of a page that is asked for with `limit`, and one more that tells whether another page follows.
fn rows(limit: usize) -> i64 {
    limit as i64 + 1
}
