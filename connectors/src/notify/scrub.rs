//! Keeps the secrets of a receiver out of what is said of it.

use floodmark_core::Result;

use crate::settings::Secret;

/// The secrets of one receiver.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Reads a secret and remembers it.
    ///
    /// # Errors
    /// `Broken` when it cannot be read.
    pub(super) fn read(&mut self, secret: &Secret) -> Result<String> {
        let text = secret.read()?.expose().to_owned();
        self.add(&text);
        Ok(text)
    }

    /// Remembers a part of a secret that may appear alone.
    pub(super) fn add(&mut self, text: &str) {
        if !text.is_empty() {
            self.0.push(text.to_owned());
            // A secret that holds another goes first.
            self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// `text` with `***` wherever a secret stood.
    pub(super) fn scrub(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_secret_is_hidden_first() {
        let mut secrets = Secrets::default();
        ["", "ab", "abcd"].iter().for_each(|secret| secrets.add(secret));
        assert_eq!(secrets.scrub("x abcd y ab z"), "x *** y *** z");
    }
}
