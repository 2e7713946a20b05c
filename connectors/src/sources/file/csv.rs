//! Records of a CSV file, split as RFC 4180 says.
//!
//! A quote has a meaning at the beginning of a cell only, so `5" pipe` is what it looks like. A quoted cell may hold
//! line ends: a record can take several lines.

/// Splits one record into cells. Lines are fed until the record is complete.
pub struct Splitter {
    delimiter: u8,
    cells: Vec<Span>,
    /// Cells whose quotes were undone.
    unquoted: Vec<u8>,
    /// Up to where the record has been split, and whether that is within quotes.
    at: usize,
    open: Option<Quoted>,
}

/// Where the text of a cell is.
#[derive(Clone, Copy)]
enum Span {
    Line(u32, u32),
    Unquoted(u32, u32),
}

#[derive(Clone, Copy)]
struct Quoted {
    /// Where the cell begins in `unquoted`.
    begin: usize,
}

impl Splitter {
    pub fn new(delimiter: u8) -> Self {
        Self { delimiter, cells: Vec::new(), unquoted: Vec::new(), at: 0, open: None }
    }

    /// Forgets the last record.
    pub fn begin(&mut self) {
        self.cells.clear();
        self.unquoted.clear();
        self.at = 0;
        self.open = None;
    }

    /// Goes on with the record that `text` begins with; `text` is what was fed before with one more line. Whether the
    /// record ends with it.
    pub fn feed(&mut self, text: &[u8]) -> bool {
        let end = text.len() - line_end(text);
        if self.at == 0 && memchr::memchr(b'"', text).is_none() {
            self.plain(text, end);
            return true;
        }
        self.quoted(text, end)
    }

    /// Splits a line without quotes.
    fn plain(&mut self, text: &[u8], end: usize) {
        let mut begin = 0;
        for i in memchr::memchr_iter(self.delimiter, &text[..end]) {
            self.cells.push(Span::Line(begin as u32, i as u32));
            begin = i + 1;
        }
        self.cells.push(Span::Line(begin as u32, end as u32));
    }

    fn quoted(&mut self, bytes: &[u8], end: usize) -> bool {
        loop {
            if self.open.is_none() {
                if self.at < end && bytes[self.at] == b'"' {
                    self.open = Some(Quoted { begin: self.unquoted.len() });
                    self.at += 1;
                } else {
                    let cell_end = memchr::memchr(self.delimiter, &bytes[self.at..end]).map_or(end, |i| self.at + i);
                    self.cells.push(Span::Line(self.at as u32, cell_end as u32));
                    self.at = cell_end + 1;
                    if cell_end == end {
                        return true;
                    }
                    continue;
                }
            }
            let Quoted { begin } = self.open.expect("set above or before");
            // Within quotes: up to the quote that is not doubled.
            let Some(quote) = memchr::memchr(b'"', &bytes[self.at..]).map(|i| self.at + i) else {
                self.unquoted.extend_from_slice(&bytes[self.at..]);
                self.at = bytes.len();
                return false;
            };
            self.unquoted.extend_from_slice(&bytes[self.at..quote]);
            self.at = quote + 1;
            if bytes.get(self.at) == Some(&b'"') {
                self.unquoted.push(b'"');
                self.at += 1;
                continue;
            }
            // Behind the closing quote up to the delimiter: taken as it is, as other readers do.
            let cell_end = memchr::memchr(self.delimiter, &bytes[self.at..end]).map_or(end, |i| self.at + i);
            self.unquoted.extend_from_slice(&bytes[self.at..cell_end]);
            self.cells.push(Span::Unquoted(begin as u32, self.unquoted.len() as u32));
            self.open = None;
            self.at = cell_end + 1;
            if cell_end == end {
                return true;
            }
        }
    }

    /// How many cells the record has.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// The text of cell `i` of the record, which is `text`.
    pub fn cell<'a>(&'a self, text: &'a str, i: usize) -> &'a str {
        match self.cells[i] {
            Span::Line(begin, end) => &text[begin as usize..end as usize],
            Span::Unquoted(begin, end) => std::str::from_utf8(&self.unquoted[begin as usize..end as usize])
                .expect("parts of a valid text between ASCII bytes are valid"),
        }
    }
}

/// How many bytes the line end at the end of `text` takes.
fn line_end(text: &[u8]) -> usize {
    match text {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] | [.., b'\r'] => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All records of `text`, fed line by line; `None` when the last quote does not end.
    fn split(text: &str) -> Option<Vec<Vec<String>>> {
        let mut splitter = Splitter::new(b',');
        let mut records = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            splitter.begin();
            let mut length = 0;
            loop {
                if length == rest.len() {
                    return None;
                }
                length = rest[length..].find('\n').map_or(rest.len(), |i| length + i + 1);
                if splitter.feed(&rest.as_bytes()[..length]) {
                    break;
                }
            }
            records.push((0..splitter.len()).map(|i| splitter.cell(rest, i).to_owned()).collect());
            rest = &rest[length..];
        }
        Some(records)
    }

    fn check<const N: usize>(text: &str, expected: &[[&str; N]]) {
        let expected: Vec<Vec<String>> = expected.iter().map(|record| record.map(str::to_owned).into()).collect();
        assert_eq!(split(text), Some(expected), "{text:?}");
    }

    #[test]
    fn quotes_have_a_meaning_at_the_beginning_of_a_cell() {
        check("a,b\r\n1,2", &[["a", "b"], ["1", "2"]]);
        check("\"a,b\",\"say \"\"hi\"\"\"\n", &[["a,b", "say \"hi\""]]);
        check("\"two\nlines\",2\n3,4\n", &[["two\nlines", "2"], ["3", "4"]]);
        check("5\" pipe,1\n", &[["5\" pipe", "1"]]);
        check("\"a\"b,\n", &[["ab", ""]]);
        check("\"\",\"\"\"\"\n", &[["", "\""]]);
        assert_eq!(split("1,2\n\"open,3\n"), None);
    }

    proptest! {
        #[test]
        fn records_are_those_of_the_csv_crate(text in r#"([a,"b]{1,5}\n?){0,12}"#) {
            let oracle = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes()).into_records();
            let oracle: Vec<Vec<String>> = oracle.map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect();
            // A quote that does not end is the caller's to judge here; there it ends with the text.
            if let Some(records) = split(&text) {
                prop_assert_eq!(records, oracle);
            }
        }
    }
}
