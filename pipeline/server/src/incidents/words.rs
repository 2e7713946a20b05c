//! How long what people write may be: it stays with the incident, and everybody who is told of it reads it.

/// The longest name, in bytes.
const OWNER_BYTES_MAX: usize = 256;
/// The longest note or comment, in bytes.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// Who asks for something, or why nobody is called so.
pub fn owner(name: String) -> Result<String, String> {
    if name.trim().is_empty() { Err("owner is empty: say who asks".to_owned()) } else { short("owner", name, OWNER_BYTES_MAX) }
}

/// What is said with an acknowledgement, or why it cannot be.
pub fn note(text: String) -> Result<String, String> {
    short("note", text, TEXT_BYTES_MAX)
}

/// What is said with a silence, or why it cannot be.
pub fn comment(text: String) -> Result<String, String> {
    short("comment", text, TEXT_BYTES_MAX)
}

fn short(what: &str, text: String, bytes_max: usize) -> Result<String, String> {
    let bytes = text.len();
    if bytes > bytes_max { Err(format!("{what} has {bytes} bytes: it may have at most {bytes_max}")) } else { Ok(text) }
}
