//! What `log_crash` asks of `log_writer`.

/// One append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its number.
    pub number: u64,
    /// The body sizes of its entries.
    pub bytes: Vec<usize>,
}

impl Request {
    /// Reads a line.
    pub fn parse(line: &str) -> Option<Self> {
        let mut numbers = line.split_whitespace();
        let number = numbers.next()?.parse().ok()?;
        Some(Self { number, bytes: numbers.map(|n| n.parse().ok()).collect::<Option<_>>()? })
    }

    /// Writes a line.
    pub fn line(&self) -> String {
        let bytes: Vec<String> = self.bytes.iter().map(usize::to_string).collect();
        format!("{} {}\n", self.number, bytes.join(" "))
    }

    /// Ids and bodies; a body follows from its id.
    pub fn entries(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        self.bytes.iter().enumerate().map(|(index, bytes)| {
            let id = format!("{}.{index}", self.number);
            let body = id.bytes().cycle().take(*bytes).collect();
            (id, body)
        })
    }
}
