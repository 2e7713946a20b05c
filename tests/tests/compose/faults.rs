//! What may be wrong with a stack: each rule gives a line for each fault.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use regex::Regex;
use serde_json::Value;

use super::stack::{Mount, Service, Stack, entries};
use crate::files::{read, root, texts};

/// What of the machine may be mounted, and by whom: the log shipper asks the engine for log lines.
const OF_THE_MACHINE: [(&str, &str); 1] = [("alloy", "/var/run/docker.sock")];

/// All faults of a stack. `made` are the names of the files that init.sh makes.
pub fn of(stack: &Stack, made: &BTreeSet<String>) -> Vec<String> {
    let mut faults = forms(stack);
    faults.extend(includes(stack));
    faults.extend(ports(stack));
    faults.extend(volumes(stack));
    faults.extend(secrets(stack, made));
    for service in &stack.services {
        let found = [images(service), lives(service), mounts(service), passwords(service), depends(service, stack)].concat();
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", service.name)));
    }
    faults
}

/// The part of the Compose specification (<https://github.com/compose-spec/compose-spec>) that these files use, and nothing
/// beside it: a misspelt key is a fault.
fn forms(stack: &Stack) -> Vec<String> {
    let schema: Value = serde_json::from_str(include_str!("schema.json")).expect("the schema is JSON");
    let validator: Validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let of = |(path, says): (&PathBuf, &Value)| {
        validator.iter_errors(says).map(|e| format!("{}: {}: {e}", path.display(), e.instance_path())).collect::<Vec<_>>()
    };
    stack.files.iter().flat_map(of).collect()
}

fn includes(stack: &Stack) -> Vec<String> {
    let there: BTreeSet<&Path> = stack.files.keys().map(PathBuf::as_path).filter(|path| *path != Path::new(super::stack::MAIN)).collect();
    let named: BTreeSet<&Path> = stack.included.iter().map(PathBuf::as_path).collect();
    there.symmetric_difference(&named).map(|path| format!("{} is not included, or not there", path.display())).collect()
}

/// Ports are bound to this machine alone, and each can be moved by a variable of its own.
fn ports(stack: &Stack) -> Vec<String> {
    let form = Regex::new(r"^127\.0\.0\.1:\$\{([A-Z_]+_PORT):-(\d+)\}:\d+$").expect("it is a regular expression");
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    let mut faults = Vec::new();
    for service in &stack.services {
        for port in texts(&service.says["ports"]) {
            let Some(parts) = form.captures(port) else {
                faults.push(format!("{}: port {port:?} is not bound as \"127.0.0.1:${{X_PORT:-1}}:1\"", service.name));
                continue;
            };
            for of in [&parts[1], &parts[2]] {
                if let Some(other) = taken.insert(of.to_owned(), &service.name) {
                    faults.push(format!("{}: {of} is taken by {other}", service.name));
                }
            }
        }
    }
    faults
}

fn volumes(stack: &Stack) -> Vec<String> {
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for service in &stack.services {
        for mount in service.mounts() {
            if let Mount::Volume(name) = mount {
                if stack.volumes.get(&name) != Some(&service.file) {
                    faults.push(format!("{}: volume {name} is not declared beside it", service.name));
                }
                used.insert(name);
            }
        }
    }
    faults.extend(stack.volumes.keys().filter(|name| !used.contains(*name)).map(|name| format!("volume {name} is not used")));
    faults
}

fn secrets(stack: &Stack, made: &BTreeSet<String>) -> Vec<String> {
    let granted: BTreeSet<&str> = stack.services.iter().flat_map(|service| texts(&service.says["secrets"])).collect();
    let mut faults = Vec::new();
    for (name, file) in &stack.secrets {
        if *file != Path::new("compose/secrets").join(name) || !made.contains(name) {
            faults.push(format!("secret {name}: init.sh makes no {}", file.display()));
        }
        if !granted.contains(name.as_str()) {
            faults.push(format!("secret {name} is not used"));
        }
    }
    faults.extend(granted.iter().filter(|name| !stack.secrets.contains_key(**name)).map(|name| format!("secret {name} is not declared")));
    faults.extend(made.iter().filter(|name| !stack.secrets.contains_key(*name)).map(|name| format!("init.sh makes {name} for nobody")));
    faults
}

/// An exact version: three numbers at least, so that the same file gives the same program tomorrow.
fn images(service: &Service) -> Vec<String> {
    let exact = Regex::new(r"^[a-z0-9./-]+:v?\d+\.\d+\.\d+(-[a-z0-9.]+)?$").expect("it is a regular expression");
    let image = service.says["image"].as_str().unwrap_or_default();
    if exact.is_match(image) { vec![] } else { vec![format!("image {image:?} has no exact version")] }
}

/// How a service lives: it is started again, its health is known, it has limits and cannot gain rights.
fn lives(service: &Service) -> Vec<String> {
    let says = &service.says;
    let test = texts(&says["healthcheck"]["test"]).next();
    let limits = &says["deploy"]["resources"]["limits"];
    let rules = [
        (says["restart"] == "unless-stopped", "it is not started again"),
        (test == Some("CMD"), "it has no health check that works without a shell"),
        (limits["cpus"].is_string() && limits["memory"].is_string(), "it has no limits"),
        (texts(&says["security_opt"]).any(|option| option == "no-new-privileges:true"), "it may gain rights"),
    ];
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, fault)| fault.to_owned()).collect()
}

/// What is mounted is there, and the secrets that it names are given to the service.
fn mounts(service: &Service) -> Vec<String> {
    let name = Regex::new(r"run/secrets/([a-z_.]+[a-z])").expect("it is a regular expression");
    let mut faults = Vec::new();
    let mut named: BTreeSet<String> = BTreeSet::new();
    for mount in service.mounts() {
        match mount {
            Mount::Repository(path) if !root().join(&path).exists() => faults.push(format!("{} is not there", path.display())),
            Mount::Repository(path) => {
                let texts: Vec<String> = below(&path).iter().map(read).collect();
                named.extend(texts.iter().flat_map(|text| name.captures_iter(text)).map(|found| found[1].to_owned()));
            }
            Mount::Machine(path) if !OF_THE_MACHINE.contains(&(&service.name, &path.to_string_lossy())) => {
                faults.push(format!("it mounts {} of the machine", path.display()));
            }
            Mount::Machine(_) | Mount::Volume(_) => {}
        }
    }
    let given: BTreeSet<&str> = texts(&service.says["secrets"]).collect();
    named.retain(|name| !given.contains(name.as_str()));
    faults.extend(named.iter().map(|name| format!("a file it mounts reads secret {name}, which it does not have")));
    faults
}

/// The files at or below a path.
fn below(path: &Path) -> Vec<PathBuf> {
    if !root().join(path).is_dir() {
        return vec![path.to_owned()];
    }
    let names =
        std::fs::read_dir(root().join(path)).expect("the folder can be read").map(|entry| entry.expect("so can its names").file_name());
    names.flat_map(|name| below(&path.join(name))).collect()
}

/// No password stands in a compose file: variables that hold one name a secret's file, which the service has.
fn passwords(service: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    for (key, value) in entries(&service.says["environment"]) {
        let value = value.as_str().unwrap_or_default();
        if !["PASSWORD", "SECRET", "TOKEN", "KEY"].iter().any(|word| key.contains(word)) {
            continue;
        }
        let secret = value.strip_prefix("/run/secrets/");
        let given = texts(&service.says["secrets"]).any(|name| Some(name) == secret);
        if !key.ends_with("_FILE") || !given {
            faults.push(format!("{key} names no secret that it has"));
        }
    }
    let in_address = Regex::new(r"://[^/@\s]*:[^/@\s]+@").expect("it is a regular expression");
    if in_address.is_match(&service.says.to_string()) {
        faults.push("an address holds a password".to_owned());
    }
    faults
}

fn depends(service: &Service, stack: &Stack) -> Vec<String> {
    let there = |name: &str| stack.services.iter().any(|other| other.name == name && other.name != service.name);
    let on = entries(&service.says["depends_on"]);
    on.filter(|(name, says)| !there(name) || says["condition"] != "service_healthy")
        .map(|(name, _)| format!("it does not wait until {name} is healthy, or there is none"))
        .collect()
}
