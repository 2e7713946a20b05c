//! Draws the rows: the same picture for a terminal and, as text, for a script.

use floodmark_connectors::settings::Span;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span as Piece};
use ratatui::widgets::{Cell, Paragraph, Row as TableRow, Table, Widget};
use ratatui::{Frame, Terminal};

use super::rows::{Lags, Row, Rows};

/// What is shown besides the rows.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The server.
    pub address: String,
    /// Why there is no newer answer.
    pub trouble: Option<String>,
    /// How many lines were scrolled down.
    pub scrolled: u16,
    /// What keys do; empty when nobody can press any.
    pub keys: &'static str,
}

/// A part of the screen: its headings, which of its columns stand right, and its cells.
struct Part {
    headings: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

/// Between two columns.
const GAP: u16 = 2;
/// Columns of numbers.
const RIGHT: [&str; 9] = ["EVENTS/S", "OUTPUTS/S", "ENTRIES/S", "LAG", "NEWEST", "WATERMARK", "LATE", "DEAD", "RETRIES"];

fn parts(rows: &Rows) -> [Part; 3] {
    let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let sources = |row: &Row| {
        vec![
            row.name.clone(),
            row.kind.clone(),
            rate(row.rate),
            age(row.age),
            number(row.drops),
            row.state.clone(),
            row.owner.clone(),
            row.error.clone(),
        ]
    };
    let jobs = |row: &Row| {
        vec![
            row.name.clone(),
            rate(row.rate),
            rate(row.outputs),
            number(row.lag),
            age(row.age),
            number(row.drops),
            row.state.clone(),
            row.owner.clone(),
        ]
    };
    let sinks = |row: &Row| {
        vec![row.name.clone(), rate(row.rate), number(row.lag), age(row.age), number(row.drops), row.state.clone(), row.owner.clone()]
    };
    [
        Part {
            headings: &["SOURCE", "TYPE", "EVENTS/S", "NEWEST", "DEAD", "STATE", "OWNER", "ERROR"],
            rows: rows.sources.iter().map(sources).collect(),
        },
        Part {
            headings: &["JOB", "EVENTS/S", "OUTPUTS/S", "LAG", "WATERMARK", "LATE", "STATE", "OWNER"],
            rows: rows.jobs.iter().map(jobs).collect(),
        },
        Part {
            headings: &["SINK", "ENTRIES/S", "LAG", "NEWEST", "RETRIES", "STATE", "OWNER"],
            rows: rows.sinks.iter().map(sinks).collect(),
        },
    ]
}

fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".to_owned(),
        Some(rate) if rate == 0.0 || rate >= 99.5 => format!("{rate:.0}"),
        Some(rate) => format!("{rate:.1}"),
    }
}

/// In the two largest units that matter: nobody reads milliseconds that change each second.
fn age(micros: Option<i64>) -> String {
    let Some(micros) = micros else { return "-".to_owned() };
    let secs = micros.unsigned_abs() / 1_000_000;
    let secs = match secs {
        0..3_600 => secs,
        3_600..86_400 => secs / 60 * 60,
        _ => secs / 3_600 * 3_600,
    };
    let sign = if micros < 0 && secs > 0 { "-" } else { "" };
    format!("{sign}{}", Span::secs(secs))
}

/// How many lines everything takes.
pub fn height(rows: &Rows) -> u16 {
    let lines: usize = parts(rows).iter().map(|part| part.rows.len() + 2).sum();
    // The headline and its gap, and none after the last part.
    u16::try_from(lines + 1).unwrap_or(u16::MAX)
}

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, rows: &Rows, view: &View) {
    let area = frame.area();
    // All of it is drawn at its full size, and what the screen shows of that is copied: columns are cut, never squeezed.
    let parts = parts(rows);
    let width = parts.iter().map(Part::width).max().unwrap_or(0).max(area.width);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height(rows).max(area.height)));
    let mut line = 2;
    for part in &parts {
        let left = buffer.area.height.saturating_sub(line);
        let height = u16::try_from(part.rows.len() + 1).unwrap_or(u16::MAX).min(left);
        part.draw(Rect::new(0, line, width, height), &mut buffer);
        line = line.saturating_add(height).saturating_add(1);
    }
    let scrolled = view.scrolled.min(height(rows).saturating_sub(area.height));
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            // The headline stays.
            let from = if y < 2 { y } else { y + scrolled };
            if let (Some(cell), Some(drawn)) = (frame.buffer_mut().cell_mut((x, y)), buffer.cell((x, from))) {
                *cell = drawn.clone();
            }
        }
    }
    frame.render_widget(headline(rows, view), Rect { height: 1, ..area });
}

fn headline(rows: &Rows, view: &View) -> Paragraph<'static> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut pieces = vec![Piece::styled(format!("floodmark {}", view.address), bold)];
    match &view.trouble {
        Some(trouble) => pieces.push(Piece::styled(format!("  {trouble}"), Style::new().fg(Color::Red))),
        None => {
            pieces.push(Piece::raw(format!("  {}", seconds(rows))));
            if rows.lags == Lags::Unknown {
                pieces.push(Piece::styled(
                    "  a log or a store does not answer: jobs and sinks are not known",
                    Style::new().fg(Color::Yellow),
                ));
            }
        }
    }
    if !view.keys.is_empty() {
        pieces.push(Piece::styled(format!("  {}", view.keys), Style::new().add_modifier(Modifier::DIM)));
    }
    Paragraph::new(Line::from(pieces))
}

fn seconds(rows: &Rows) -> String {
    let text = rows.time.to_string();
    text.get(..19).map_or(text.clone(), |text| format!("{text}Z"))
}

impl Part {
    fn widths(&self) -> Vec<usize> {
        let widest = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        self.headings.iter().enumerate().map(|(column, heading)| widest(column).max(heading.len())).collect()
    }

    /// How many columns of the screen it takes.
    fn width(&self) -> u16 {
        let widths = self.widths();
        u16::try_from(widths.iter().sum::<usize>() + usize::from(GAP) * widths.len()).unwrap_or(u16::MAX)
    }

    fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let widths = self.widths();
        let aligned = |(column, text): (usize, &str)| match RIGHT.contains(&self.headings[column]) {
            true => format!("{text:>width$}", width = widths[column]),
            false => text.to_owned(),
        };
        let headings = self.headings.iter().copied().enumerate().map(|(column, text)| Cell::new(aligned((column, text))));
        let rows = self.rows.iter().map(|row| {
            let style = row.iter().find_map(|cell| colour(cell)).unwrap_or_default();
            TableRow::new(row.iter().enumerate().map(|(column, text)| Cell::new(aligned((column, text))))).style(style)
        });
        let columns = widths.iter().map(|width| Constraint::Length(u16::try_from(*width).unwrap_or(u16::MAX)));
        let headings = TableRow::new(headings).style(Style::new().add_modifier(Modifier::BOLD));
        Table::new(rows, columns).header(headings).column_spacing(GAP).render(area, buffer);
    }
}

/// What needs a person is red, what may pass is yellow.
fn colour(cell: &str) -> Option<Style> {
    match cell {
        "failed" => Some(Style::new().fg(Color::Red)),
        "backing_off" | "behind" => Some(Style::new().fg(Color::Yellow)),
        _ => None,
    }
}

/// The screen as text, as wide as asked for and as high as it needs.
pub fn text(rows: &Rows, view: &View, width: u16) -> String {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height(rows)));
    let Ok(done) = terminal.draw(|frame| draw(frame, rows, view));
    format!("{}\n", lines(done.buffer).join("\n").trim_end())
}

fn lines(buffer: &Buffer) -> Vec<String> {
    let line = |y: u16| (0..buffer.area.width).filter_map(|x| buffer.cell((x, y))).map(|cell| cell.symbol()).collect::<String>();
    (0..buffer.area.height).map(|y| line(y).trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use floodmark_schemas::Timestamp;

    use super::super::{Snapshot, Sort};
    use super::*;

    fn snapshot(secs: i64, events: u64) -> Snapshot {
        let sources = format!(
            r#"{{"items":[
              {{"id":"machine","kind":"host","state":"running","restarts":0,"last_event_time":"1970-01-01T00:16:38Z","events":{events},"dead_letters":0}},
              {{"id":"web","kind":"http_probe","state":"failed","restarts":3,"last_error":"no token","events":5,"dead_letters":2}}]}}"#
        );
        let units = r#"{"items":[{"unit":"source.machine","owner":"a-1","position":7},
              {"unit":"job.minute.0","owner":"a-1","lag":12,"time":"1970-01-01T00:16:30Z"},
              {"unit":"job.hour.0","lag":0},
              {"unit":"sink.rollups","lag":0,"time":"1970-01-01T00:15:00Z"},{"unit":"retention","owner":"a-1"}]}"#;
        let metrics = format!(
            "floodmark_job_events_total{{operator=\"minute\",partition=\"0\"}} {events}\n\
             floodmark_job_watermark_seconds{{operator=\"minute\",partition=\"0\"}} 900.5\n\
             floodmark_job_late_events_total{{operator=\"minute\",partition=\"0\"}} 4\n\
             floodmark_sink_entries_total{{sink=\"rollups\"}} 9\nfloodmark_sink_retries_total{{sink=\"rollups\"}} 1\n"
        );
        Snapshot::read(Timestamp::from_secs(secs), &sources, Some(units), &metrics).unwrap()
    }

    fn shown(sort: Sort, width: u16) -> String {
        let rows = Rows::of(Some(&snapshot(998, 100)), &snapshot(1_000, 125), sort);
        text(&rows, &View { address: "http://x".to_owned(), ..View::default() }, width)
    }

    #[test]
    fn everything_stands_in_three_tables() {
        let expected = "\
floodmark http://x  1970-01-01T00:16:40Z

SOURCE   TYPE        EVENTS/S  NEWEST  DEAD  STATE    OWNER  ERROR
machine  host            12.5      2s     0  running  a-1
web      http_probe         0       -     2  failed          no token

JOB       EVENTS/S  OUTPUTS/S  LAG  WATERMARK  LATE  STATE       OWNER
hour/0           -          -    0          -     -  up to date
minute/0      12.5          -   12     1m 39s     4  behind      a-1

SINK     ENTRIES/S  LAG  NEWEST  RETRIES  STATE       OWNER
rollups          0    0  1m 40s        1  up to date
";
        assert_eq!(shown(Sort::Name, 100), expected);
    }

    #[test]
    fn the_desk_of_alerts_stands_with_the_sinks() {
        let of = |secs, steps: u64| {
            let units = r#"{"items":[{"unit":"sink.rollups","lag":0},{"unit":"alerts","lag":3}]}"#;
            let metrics = format!("floodmark_alert_steps_total {steps}\n");
            Snapshot::read(Timestamp::from_secs(secs), r#"{"items":[]}"#, Some(units), &metrics).unwrap()
        };
        let rows = Rows::of(Some(&of(998, 10)), &of(1_000, 20), Sort::Name);
        let shown: Vec<_> = rows.sinks.iter().map(|row| (row.name.as_str(), row.lag, row.rate, row.state.as_str())).collect();
        assert_eq!(shown, [("alerts", Some(3), Some(5.0), "behind"), ("rollups", Some(0), None, "up to date")]);
    }

    #[test]
    fn rows_are_sorted_by_what_is_asked_for() {
        let first = |sort| shown(sort, 100).lines().filter(|line| line.contains("/0")).map(|line| line[..6].to_owned()).next();
        for (sort, expected) in [(Sort::Name, "hour/0"), (Sort::Lag, "minute"), (Sort::Rate, "minute"), (Sort::Drops, "minute")] {
            assert_eq!(first(sort).as_deref(), Some(expected), "{sort:?}");
        }
    }

    #[test]
    fn a_small_screen_scrolls_under_the_headline() {
        let rows = Rows::of(None, &snapshot(1_000, 125), Sort::Name);
        let Ok(mut terminal) = Terminal::new(TestBackend::new(30, 4));
        let view = View { scrolled: 200, ..View::default() };
        let Ok(_) = terminal.draw(|frame| draw(frame, &rows, &view));
        let expected = ["floodmark   1970-01-01T00:16:4", "", "SINK     ENTRIES/S  LAG  NEWES", "rollups          -    0  1m 40"];
        assert_eq!(lines(terminal.backend().buffer()), expected);
    }

    #[test]
    fn what_a_restart_began_anew_has_no_rate() {
        let rows = Rows::of(Some(&snapshot(998, 200)), &snapshot(1_000, 125), Sort::Name);
        assert_eq!((rows.sources[0].rate, rows.jobs[1].rate), (None, None));
    }
}
