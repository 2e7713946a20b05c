//! Writing data to stdout. A reader that has seen enough (`| head`) is not an error.

use std::io::{self, IsTerminal, Write};

use super::args::Colour;
use super::exit::{Exit, Failure, Outcome};

/// Writes `text` to stdout.
///
/// # Errors
/// When stdout cannot be written to, for another reason than that nobody reads it any more.
pub fn print(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Exit::Ok),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Ok),
        Err(e) => Err(Failure::new(format!("writing to stdout: {e}"))),
    }
}

/// Writes a notice to stderr; when that is impossible there is nobody to tell.
pub fn notice(text: &str) {
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

/// Whether stderr is written in colours: asked for, or a terminal without `NO_COLOR` (<https://no-color.org>).
pub fn colours(wanted: Colour) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|v| v == "dumb");
    match wanted {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => io::stderr().is_terminal() && !refused && !dumb,
    }
}
