//! Whether two configurations are about the same pipeline, and what would start anew.

use floodmark_connectors::logs::jetstream;
use floodmark_core::{Error, Result};

use crate::assemble::operators::job_plan;
use crate::cli::{Exit, Failure};
use crate::config::{Config, LogKind};

/// The settings of the target's log.
///
/// # Errors
/// When there is nothing to copy from one to the other, or the numbers of partitions differ.
pub(super) fn agree<'a>(from: &Config, to: &'a Config) -> Result<&'a jetstream::Config, Failure> {
    let usage = |what: &str, remedy: &str| Err(Failure::Other(Exit::Usage, what.to_owned(), Some(remedy.to_owned())));
    let LogKind::Embedded(_) = from.log else {
        return usage("the log that -c names is on servers already", "-c names the configuration whose log is in the data directory");
    };
    let LogKind::Jetstream(settings) = &to.log else {
        return usage("the log that --to names is in a data directory", "--to names a configuration with [log] type = \"jetstream\"");
    };
    let (old, new) = (from.partitions.get(), to.partitions.get());
    if old != new {
        let what = format!("the data has partitions = {old}, the configuration of the target says {new}: the number is fixed");
        return Err(Failure::Other(Exit::BadConfig, what, Some(format!("write partitions = {old} in the target's configuration"))));
    }
    Ok(settings)
}

/// What will not simply go on.
///
/// # Errors
/// `Broken` when an operator cannot be made from its settings.
pub(super) fn warnings(from: &Config, to: &Config) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let version = |config: &Config, id: &str| Ok::<_, Error>(job_plan(id, &config.operators, config.partitions.get())?.version);
    for id in from.operators.keys() {
        match to.operators.get(id) {
            None => warnings.push(format!("operator {id} is not in the target's configuration: it stops where it stands")),
            Some(_) if version(from, id)? != version(to, id)? => {
                warnings.push(format!("operator {id} has another definition in the target's configuration: it starts anew"));
            }
            Some(_) => {}
        }
    }
    for id in to.operators.keys().filter(|id| !from.operators.contains_key(*id)) {
        warnings.push(format!("operator {id} is only in the target's configuration: it starts at the oldest event"));
    }
    for (id, source) in &from.sources {
        let plain = |source| serde_json::to_value(source).unwrap_or_default();
        match to.sources.get(id) {
            None => warnings.push(format!("source {id} is not in the target's configuration: it stops where it stands")),
            Some(other) if source.kind.type_name() != other.kind.type_name() => {
                let (old, new) = (source.kind.type_name(), other.kind.type_name());
                warnings.push(format!("source {id} is of type {new} in the target's configuration, not {old}: it cannot go on"));
            }
            Some(other) if plain(source) != plain(other) => {
                warnings.push(format!("source {id} has other settings in the target's configuration"));
            }
            Some(_) => {}
        }
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_text;

    const TARGET: &str = "[log]\ntype = \"jetstream\"\n";
    const OPERATOR: &str = "[operators.w]\ntype = \"tumbling\"\nsize = \"1m\"\n";

    fn config(text: &str) -> Config {
        from_text("test.toml", text).unwrap_or_else(|report| panic!("{report}"))
    }

    fn refused(from: &str, to: &str) -> (Exit, String) {
        let failure = agree(&config(from), &config(to)).unwrap_err();
        (failure.exit(), failure.render(false))
    }

    #[test]
    fn it_goes_from_a_data_directory_to_servers_with_the_same_partitions() {
        assert!(agree(&config("partitions = 3"), &config(&format!("partitions = 3\n{TARGET}"))).is_ok());
        assert_eq!(refused(TARGET, TARGET).0, Exit::Usage);
        assert_eq!(refused("", "").0, Exit::Usage);
        let (exit, text) = refused("partitions = 3", TARGET);
        assert_eq!(exit, Exit::BadConfig);
        assert!(text.contains("partitions = 3, the configuration of the target says 1"), "{text}");
    }

    #[test]
    fn what_does_not_simply_go_on_is_said() {
        let check = |from: &str, to: &str, expected: &[&str]| {
            assert_eq!(warnings(&config(from), &config(to)).unwrap(), expected);
        };
        let host = "[sources.h]\ntype = \"host\"\n";
        check(&format!("{OPERATOR}{host}"), &format!("{TARGET}{OPERATOR}{host}"), &[]);
        check(OPERATOR, TARGET, &["operator w is not in the target's configuration: it stops where it stands"]);
        check("", OPERATOR, &["operator w is only in the target's configuration: it starts at the oldest event"]);
        let other = OPERATOR.replace("1m", "2m");
        check(OPERATOR, &other, &["operator w has another definition in the target's configuration: it starts anew"]);
        check(host, "", &["source h is not in the target's configuration: it stops where it stands"]);
        let slower = format!("{host}every = \"1h\"\n");
        check(host, &slower, &["source h has other settings in the target's configuration"]);
        let push = "[sources.h]\ntype = \"push\"\nlisten = \"127.0.0.1:1\"\n";
        check(host, push, &["source h is of type push in the target's configuration, not host: it cannot go on"]);
    }
}
