//! "Did you mean": what a person most likely wanted to write.

/// A hint for a word that is not among `known`: the nearest of them, or all.
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, what: &str) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(word, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("there is no {what} to choose from"),
        None => format!("known {what}s: {}", known.join(", ")),
    }
}

/// The nearest of `known`, if it is near enough to be what was meant.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let folded = fold(word);
    let scored = known.iter().map(|k| (strsim::damerau_levenshtein(&folded, &fold(k)), *k));
    let (distance, near) = scored.min_by_key(|(distance, _)| *distance)?;
    // A third of the letters may be wrong: `intervall`, `retnetion_age`; but not `url` for `name`.
    let length = folded.chars().count().max(near.chars().count());
    let allowed = if length < 3 { 0 } else { length / 3 };
    let prefix = folded.len() >= 3 && known.iter().filter(|k| fold(k).starts_with(&folded)).count() == 1;
    if distance <= allowed {
        return Some(near);
    }
    if prefix { known.iter().find(|k| fold(k).starts_with(&folded)).copied() } else { None }
}

fn fold(word: &str) -> String {
    word.chars().take(64).flat_map(char::to_lowercase).map(|c| if c == '-' { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_listed() {
        let known = ["interval", "timeout", "url"];
        for (word, expected) in [
            ("intervall", "did you mean `interval`?"),
            ("Time-Out", "did you mean `timeout`?"),
            ("time", "did you mean `timeout`?"),
            ("uri", "did you mean `url`?"),
            ("password", "known keys: interval, timeout, url"),
        ] {
            assert_eq!(hint(word, known, "key"), expected);
        }
        assert_eq!(hint("x", [], "source"), "there is no source to choose from");
    }
}
