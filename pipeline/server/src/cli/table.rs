//! Tables for people: aligned columns, no lines around them.

use super::describe::plain;

/// Between two columns.
const GAP: usize = 2;
/// Columns are not cut below this, however narrow the terminal is.
const WIDTH_MIN: usize = 8;

/// On which side the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Rows of cells under headings.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(super) fn new<'a>(columns: impl IntoIterator<Item = (&'a str, Align)>) -> Self {
        Self { columns: columns.into_iter().map(|(name, align)| (name.to_owned(), align)).collect(), rows: Vec::new() }
    }

    /// Adds a row with a cell for each column.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| plain(cell).into_owned()).collect());
    }

    /// The table as text. With a width, long text cells are cut to it; numbers never are. Without rows, it is empty.
    pub(super) fn render(&self, width: Option<usize>) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let widths = self.widths(width);
        let headings: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let mut text = String::new();
        for row in std::iter::once(&headings).chain(&self.rows) {
            let mut line = String::new();
            for ((cell, (_, align)), width) in row.iter().zip(&self.columns).zip(&widths) {
                let cell = cut(cell, *width);
                let fill = " ".repeat(width - chars(&cell));
                match align {
                    Align::Left => line.extend([&*cell, &*fill]),
                    Align::Right => line.extend([&*fill, &*cell]),
                }
                line.push_str(&" ".repeat(GAP));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn widths(&self, most: Option<usize>) -> Vec<usize> {
        let widest =
            |(i, (name, _)): (usize, &(String, Align))| self.rows.iter().map(|row| chars(&row[i])).chain([chars(name)]).max().unwrap_or(0);
        let mut widths: Vec<usize> = self.columns.iter().enumerate().map(widest).collect();
        let Some(most) = most else { return widths };
        let total = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        while total(&widths) > most {
            // One from the widest at a time: the columns that are short stay whole.
            let texts = widths.iter_mut().zip(&self.columns).filter(|(width, (_, align))| *align == Align::Left && **width > WIDTH_MIN);
            let Some((widest, _)) = texts.max_by_key(|(width, _)| **width) else { break };
            *widest -= 1;
        }
        widths
    }
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

/// The text with at most `width` characters; a cut is shown.
pub(super) fn cut(text: &str, width: usize) -> String {
    if chars(text) <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_table() -> Table {
        let mut table = Table::new([("NAME", Align::Left), ("N", Align::Right), ("REASON", Align::Left)]);
        table.row(vec!["a".into(), "12".into(), "short".into()]);
        table.row(vec!["bcdef".into(), "3.25".into(), "a reason that\nis long".into()]);
        table
    }

    #[test]
    fn numbers_stand_right_and_lines_end_without_spaces() {
        let expected = "NAME      N  REASON\na        12  short\nbcdef  3.25  a reason that\\nis long\n";
        assert_eq!(a_table().render(None), expected);
        assert_eq!(Table::new([("NAME", Align::Left)]).render(None), "");
    }

    #[test]
    fn the_widest_text_is_cut_to_the_width() {
        let expected = "NAME      N  REASON\na        12  short\nbcdef  3.25  a reason…\n";
        assert_eq!(a_table().render(Some(22)), expected);
        // Too narrow for anything: what cannot be cut is kept.
        assert_eq!(a_table().render(Some(1)).lines().last(), Some("bcdef  3.25  a reaso…"));
    }
}
