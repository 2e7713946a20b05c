//! Texts with the one character that PostgreSQL refuses: U+0000 stands as `␀0`, and so that this can be undone, `␀` (U+2400)
//! as `␀␀`. All other texts stand as they are.

use std::borrow::Cow;

const MARK: char = '\u{2400}';

/// A text as PostgreSQL can hold it. Different texts stay different.
pub(super) fn held(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', MARK]) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => out.extend([MARK, '0']),
            MARK => out.extend([MARK, MARK]),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// The text that [`held`] was given.
pub(super) fn whole(held: String) -> String {
    if !held.contains(MARK) {
        return held;
    }
    let mut out = String::with_capacity(held.len());
    let mut chars = held.chars();
    while let Some(c) = chars.next() {
        match c {
            MARK => out.push(if chars.next() == Some('0') { '\0' } else { MARK }),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for text in ["", "a", "\0", "␀", "␀0", "\u{0}0", "a\0␀b", "␀␀0"] {
            let there = held(text);
            assert!(!there.contains('\0'));
            assert_eq!(whole(there.into_owned()), text, "{text:?}");
        }
        assert_ne!(held("\0"), held("␀0"));
    }
}
