//! Keeps secrets out of what is shown: credentials in URLs, and values whose key says what they are.

/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// Parts of names that say that the value is a secret.
const SECRET_NAMES: [&str; 9] = ["password", "passwd", "secret", "token", "apikey", "api_key", "api-key", "authorization", "credential"];

/// Whether a key, a header or a query parameter of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|s| name.contains(s)) || matches!(name.as_str(), "key" | "sig" | "signature" | "cookie" | "appid" | "auth")
}

/// The same text without user names and passwords in URLs and without secrets in their queries.
pub fn scrub(text: &str) -> String {
    rewrite(text, |_| HIDDEN.to_owned())
}

/// The same text, of the same length, with `*` in the place of secrets and `?` in the place of control characters:
/// fit to be shown with carets under it.
pub fn mask_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in rewrite(text, stars).split_inclusive('\n') {
        let content = line.strip_suffix("\r\n").or(line.strip_suffix('\n')).unwrap_or(line);
        for c in mask_values(content).chars() {
            let odd = (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}');
            if odd { out.extend(std::iter::repeat_n('?', c.len_utf8())) } else { out.push(c) }
        }
        out.push_str(&line[content.len()..]);
    }
    out
}

/// Puts stars in the place of the value of each key of this line that names a secret.
fn mask_values(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('=') {
        let (before, value) = rest.split_at(at + 1);
        let name = before[..at].trim_end().rsplit([' ', '\t', ',', '{', '.']).next().unwrap_or_default();
        out.push_str(before);
        rest = value;
        if is_secret_name(name.trim_matches(['"', '\''])) && !is_reference(value) {
            let start = value.len() - value.trim_start().len();
            let quote = value[start..].chars().next().filter(|c| matches!(c, '"' | '\''));
            let close = quote.and_then(|q| value[start + 1..].find(q)).map(|i| start + 2 + i);
            let end = close.unwrap_or(value.len());
            out.push_str(&stars(&value[..end]));
            rest = &value[end..];
        }
    }
    out.push_str(rest);
    out
}

/// Whether a value says where a secret is, as it should.
fn is_reference(value: &str) -> bool {
    let inside = value.trim_start().strip_prefix('{').map(str::trim_start);
    inside.is_some_and(|inside| inside.starts_with("env") || inside.starts_with("file"))
}

/// As many stars as the text has bytes; spaces and quotes stay.
fn stars(text: &str) -> String {
    text.chars().flat_map(|c| std::iter::repeat_n(if matches!(c, ' ' | '"' | '\'') { c } else { '*' }, c.len_utf8())).collect()
}

/// Replaces each credential of each URL in `text` by what `hide` makes of it.
fn rewrite(text: &str, hide: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | ')')).unwrap_or(after.len());
        out.push_str(&rewrite_url(&after[..end], &hide));
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

/// `url` is what follows `://`.
fn rewrite_url(url: &str, hide: &impl Fn(&str) -> String) -> String {
    let authority_end = url.find(['/', '?', '#']).unwrap_or(url.len());
    let (authority, rest) = url.split_at(authority_end);
    let mut out = match authority.rsplit_once('@') {
        Some((user, host)) => format!("{}@{host}", hide(user)),
        None => authority.to_owned(),
    };
    let Some((path, query)) = rest.split_once('?') else {
        out.push_str(rest);
        return out;
    };
    out.push_str(path);
    let (query, fragment) = query.find('#').map_or((query, ""), |i| query.split_at(i));
    for (i, pair) in query.split('&').enumerate() {
        out.push(if i == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, value)) if is_secret_name(name) => out.push_str(&format!("{name}={}", hide(value))),
            _ => out.push_str(pair),
        }
    }
    out.push_str(fragment);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_urls_are_hidden() {
        for (text, expected) in [
            ("nothing here", "nothing here"),
            ("https://example.org/a?b=c", "https://example.org/a?b=c"),
            ("see https://ada:pw@example.org/x for", "see https://***@example.org/x for"),
            ("https://a@b@example.org", "https://***@example.org"),
            ("https://e.org/?q=1&api_key=abc&x=2#f", "https://e.org/?q=1&api_key=***&x=2#f"),
            ("https://e.org?appid=abc \"http://u@f\"", "https://e.org?appid=*** \"http://***@f\""),
        ] {
            assert_eq!(scrub(text), expected);
        }
    }

    #[test]
    fn masked_lines_keep_their_length_and_show_no_secret() {
        for (text, expected) in [
            ("token = \"hunter2\"\nsize = 1\n", "token = \"*******\"\nsize = 1\n"),
            ("token = { env = \"X\" }", "token = { env = \"X\" }"),
            ("h = { Authorization = \"Bearer x\", b = 1 }", "h = { Authorization = \"****** *\", b = 1 }"),
            ("token = { value = \"a b\" }", "token = * ***** * \"* *\" *"),
            ("password = hunter2, # mine", "password = ******** * ****"),
            ("a.token = 'x' # ok", "a.token = '*' # ok"),
            ("url = \"http://u:p@e.org\"", "url = \"http://***@e.org\""),
            ("a = 1\r\nb\u{1b}[31m = 2", "a = 1\r\nb?[31m = 2"),
            ("ü = \u{2028}", "ü = ???"),
        ] {
            assert_eq!(mask_lines(text), expected);
            assert_eq!(mask_lines(text).len(), text.len());
        }
    }
}
