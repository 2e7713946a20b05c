//! The parts of a server's address that tests exchange.

/// The same server and parameters, another database.
pub(super) fn with_database(uri: &str, name: &str) -> String {
    let (address, parameters) = uri.split_at(uri.find('?').unwrap_or(uri.len()));
    let host = address.find("://").map_or(0, |at| at + "://".len());
    let server = address[host..].find('/').map_or(address, |at| &address[..host + at]);
    format!("{server}/{name}{parameters}")
}

/// A name that no other database has: by process, by count, and by chance for processes of other machines and times.
pub(super) fn unique_name() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("floodmark_test_{}_{:016x}", std::process::id(), RandomState::new().hash_one("database"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_uri_is_exchanged_and_nothing_else() {
        for (uri, expected) in [
            ("postgres://u:p@h:1", "postgres://u:p@h:1/new"),
            ("postgres://u:p@h:1/old", "postgres://u:p@h:1/new"),
            ("postgres://h/old?sslmode=disable", "postgres://h/new?sslmode=disable"),
            ("mongodb://h:1,i:2/?replicaSet=r", "mongodb://h:1,i:2/new?replicaSet=r"),
            ("postgres://h?a=b/c", "postgres://h/new?a=b/c"),
        ] {
            assert_eq!(with_database(uri, "new"), expected, "{uri}");
        }
    }
}
