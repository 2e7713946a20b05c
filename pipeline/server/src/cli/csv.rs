//! CSV as of RFC 4180, with `\n` at the end of a line. An absent value is an empty field.

/// A line of these fields.
pub(super) fn line<S: AsRef<str>>(fields: impl IntoIterator<Item = S>) -> String {
    let mut text = String::new();
    for (i, field) in fields.into_iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        let field = field.as_ref();
        if field.contains(['"', ',', '\n', '\r']) {
            text.extend(["\"", &field.replace('"', "\"\""), "\""]);
        } else {
            text.push_str(field);
        }
    }
    text.push('\n');
    text
}

/// A number with as many digits as it takes to read the same number back.
pub(super) fn number(value: f64) -> String {
    format!("{value:?}")
}

/// A value, or nothing.
pub(super) fn maybe<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A JSON object of these labels.
pub(super) fn labels(labels: &std::collections::BTreeMap<String, String>) -> String {
    serde_json::to_string(labels).expect("texts by name are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_separators_are_quoted() {
        assert_eq!(line(["a", "", "b,c", "d\"e", "f\ng"]), "a,,\"b,c\",\"d\"\"e\",\"f\ng\"\n");
        assert_eq!((number(0.1), number(1e21), number(5e-324), number(2.0)), ("0.1".into(), "1e21".into(), "5e-324".into(), "2.0".into()));
    }
}
