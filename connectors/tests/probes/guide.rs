//! The examples of the guide can be used as they are.

use std::sync::Arc;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::sources::{host, http_probe, tcp_probe};

const GUIDE: &str = include_str!("../../../docs/guides/probes.md");

#[test]
fn the_examples_of_the_guide_are_accepted() {
    let clock = Arc::new(SystemClock);
    let examples = GUIDE.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut sources = 0;
    for example in examples {
        let mut document: toml::Table = example.parse().unwrap();
        let Some(toml::Value::Table(found)) = document.remove("sources") else { panic!("no sources in {example}") };
        for (id, settings) in found {
            let toml::Value::Table(mut settings) = settings else { panic!("{id} is no table") };
            let kind = settings.remove("type").unwrap();
            match kind.as_str().unwrap() {
                "host" => drop(host::Host::new(&id, settings.try_into().unwrap(), clock.clone()).unwrap()),
                "http_probe" => drop(http_probe::HttpProbes::new(&id, settings.try_into().unwrap(), clock.clone()).unwrap()),
                "tcp_probe" => drop(tcp_probe::TcpProbes::new(&id, settings.try_into().unwrap(), clock.clone()).unwrap()),
                other => panic!("{other} belongs to another guide"),
            }
            sources += 1;
        }
    }
    assert_eq!(sources, 5);
}
