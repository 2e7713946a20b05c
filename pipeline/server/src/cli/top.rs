//! `floodmark top`: a running server at a glance.

use std::io::{self, IsTerminal};
use std::time::Duration;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::settings::Span;
use floodmark_core::ports::Clock;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use reqwest::Url;
use tokio::sync::mpsc;

use super::args::Global;
use super::exit::{Exit, Failure, Outcome};
use super::health::configured;
use super::open;
use super::output::{print, width};
use super::selection::usage;
use crate::top::{Client, Rows, Snapshot, Sort, View, draw, text};

/// How wide the text is when stdout is no terminal.
const TEXT_COLUMNS: u16 = 160;
/// How long a key may wait for the next look at the stop sign.
const KEYS_EVERY: Duration = Duration::from_millis(100);
const KEYS: &str = "q quit  sort: n name  r rate  l lag  a age  d drops";

/// Arguments of `floodmark top`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Keys: q quits; n, r, l, a, d sort by name, rate, lag, age, drops; arrows scroll.\n\n\
                        Examples:\n  floodmark top\n  floodmark top --url http://10.0.0.7:8320\n  floodmark top --once")]
pub struct Args {
    /// The server; the address of the API in the configuration when absent.
    #[arg(long, value_name = "URL")]
    pub url: Option<Url>,
    /// How often it is asked.
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    pub every: Span,
    /// Print one screen as text and end.
    #[arg(long)]
    pub once: bool,
}

/// Shows a running server until `q`, or once.
///
/// # Errors
/// When the server does not answer, with `--once`; otherwise that is shown and it is asked again.
pub fn top(global: &Global, args: &Args) -> Outcome {
    if args.every.0 < Duration::from_millis(100) {
        return Err(usage("--every: a server is asked every 100ms at most"));
    }
    let url = match &args.url {
        Some(url) => url.clone(),
        None => configured(global)?,
    };
    let client = Client::new(url.as_str())?;
    open::block_on(global, async {
        match (args.once, io::stdout().is_terminal()) {
            (true, _) => once(&client, args.every.0).await,
            (false, false) => Err(usage("stdout is no terminal; --once prints one screen as text")),
            (false, true) => live(&client, args.every.0).await,
        }
    })
}

/// Rates need two looks.
async fn once(client: &Client, every: Duration) -> Outcome {
    let before = client.look(SystemClock.now()).await?;
    tokio::time::sleep(every).await;
    let now = client.look(SystemClock.now()).await?;
    let rows = Rows::of(Some(&before), &now, Sort::Name);
    let view = View { address: client.address().to_owned(), ..View::default() };
    let width = width().and_then(|width| u16::try_from(width).ok()).unwrap_or(TEXT_COLUMNS);
    print(&text(&rows, &view, width))
}

/// What is on the screen.
struct Screen {
    before: Option<Snapshot>,
    now: Option<Snapshot>,
    sort: Sort,
    view: View,
}

async fn live(client: &Client, every: Duration) -> Outcome {
    let mut terminal = ratatui::try_init().map_err(|e| Failure::new(format!("taking the terminal over: {e}")))?;
    let outcome = watch(client, every, &mut terminal).await;
    ratatui::restore();
    outcome
}

async fn watch(client: &Client, every: Duration, terminal: &mut DefaultTerminal) -> Outcome {
    let (pressed, mut keys) = mpsc::channel(16);
    // Ends when nobody takes keys any more; it is looked at ten times a second.
    let reading = tokio::task::spawn_blocking(move || read_keys(&pressed));
    let view = View { address: client.address().to_owned(), keys: KEYS, ..View::default() };
    let mut screen = Screen { before: None, now: None, sort: Sort::Name, view };
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let outcome = loop {
        tokio::select! {
            _ = ticks.tick() => screen.take(client.look(SystemClock.now()).await),
            key = keys.recv() => match key {
                Some(key) if screen.press(key) => {}
                _ => break Ok(Exit::Ok),
            },
        }
        if let Err(e) = terminal.draw(|frame| screen.draw(frame)) {
            break Err(Failure::new(format!("drawing: {e}")));
        }
    };
    drop(keys);
    reading.await.map_err(|e| Failure::new(format!("reading keys: {e}")))?;
    outcome
}

fn read_keys(pressed: &mpsc::Sender<KeyEvent>) {
    while !pressed.is_closed() {
        match event::poll(KEYS_EVERY).and_then(|there| if there { event::read().map(Some) } else { Ok(None) }) {
            Ok(Some(Event::Key(key))) if key.kind == KeyEventKind::Press => drop(pressed.blocking_send(key)),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

impl Screen {
    fn take(&mut self, answer: floodmark_core::Result<Snapshot>) {
        match answer {
            Ok(snapshot) => {
                self.before = self.now.replace(snapshot);
                self.view.trouble = None;
            }
            Err(e) => self.view.trouble = Some(e.chain()),
        }
    }

    /// Does what a key asks for; `false` at the end.
    fn press(&mut self, key: KeyEvent) -> bool {
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return false,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return false,
            KeyCode::Char(key) => self.sort = Sort::of_key(key).unwrap_or(self.sort),
            KeyCode::Down => self.view.scrolled = self.view.scrolled.saturating_add(1),
            KeyCode::Up => self.view.scrolled = self.view.scrolled.saturating_sub(1),
            _ => {}
        }
        true
    }

    fn draw(&mut self, frame: &mut ratatui::Frame<'_>) {
        let rows = self.now.as_ref().map(|now| Rows::of(self.before.as_ref(), now, self.sort)).unwrap_or_default();
        self.view.scrolled = self.view.scrolled.min(crate::top::height(&rows).saturating_sub(frame.area().height));
        draw(frame, &rows, &self.view);
    }
}
