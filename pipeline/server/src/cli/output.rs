//! Writing data to stdout. A reader that has seen enough (`| head`) is not an error.

use std::io::{self, BufWriter, IsTerminal, Write};

use super::args::Colour;
use super::exit::{Exit, Failure, Outcome};

/// How much is gathered before it is written.
const PIPE_BYTES: usize = 64 * 1024;

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

/// Where data goes. That nobody reads it any more is not an error: it is noted, and the rest is thrown away.
pub(super) struct Pipe {
    out: BufWriter<Box<dyn Write + Send>>,
    gone: bool,
}

impl Pipe {
    /// To stdout.
    pub(super) fn stdout() -> Self {
        Self::to(io::stdout())
    }

    /// To a file or the like.
    pub(super) fn to(out: impl Write + Send + 'static) -> Self {
        Self { out: BufWriter::with_capacity(PIPE_BYTES, Box::new(out)), gone: false }
    }

    /// Whether nobody reads it any more.
    pub(super) fn gone(&self) -> bool {
        self.gone
    }

    /// Writes a text.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.write_all(text.as_bytes()).map_err(failed)
    }

    fn noted<T>(&mut self, done: io::Result<T>, otherwise: T) -> io::Result<T> {
        match done {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(otherwise)
            }
            done => done,
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone {
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes);
        self.noted(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gone {
            return Ok(());
        }
        let flushed = self.out.flush();
        self.noted(flushed, ())
    }
}

/// Why data could not be written.
pub(super) fn failed(e: io::Error) -> Failure {
    Failure::new(format!("writing the data: {e}"))
}

/// How many characters a line of stdout has, when it is a terminal.
pub(super) fn width() -> Option<usize> {
    let (terminal_size::Width(width), _) = terminal_size::terminal_size_of(io::stdout())?;
    Some(usize::from(width))
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
