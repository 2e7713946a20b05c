//! Processes of this machine by their ids: signals, and who is whose child.

use std::path::Path;
use std::process::{Command, Stdio};

use super::eventually::eventually;

/// A process as the kernel lists it.
#[derive(Clone, Copy, Debug)]
struct Listed {
    id: u32,
    parent: u32,
    /// As `ps` abbreviates it: `T` is stopped, `Z` has ended but was not waited for.
    state: char,
}

/// Sends a signal, such as `KILL`; processes that are gone already do not matter.
///
/// # Panics
/// When there is no shell.
pub fn signal(name: &str, ids: &[u32]) {
    if ids.is_empty() {
        return;
    }
    // The shell's own `kill`: the program of this name is not part of every system.
    let mut command = Command::new("sh");
    command.args(["-c", "kill -s \"$@\"", "sh", name]).args(ids.iter().map(u32::to_string));
    command.stderr(Stdio::null()).status().expect("there is a shell");
}

/// The process and all its descendants that have not ended.
pub fn family(id: u32) -> Vec<u32> {
    living_family(id).iter().map(|process| process.id).collect()
}

/// Stops the process and all its descendants; gives their ids.
///
/// # Panics
/// When they do not stop in time.
pub async fn stop_family(id: u32) -> Vec<u32> {
    // What was stopped cannot have children any more, so this ends.
    eventually("a stopped process", || async {
        let family = living_family(id);
        let running: Vec<u32> = family.iter().filter(|process| process.state != 'T').map(|process| process.id).collect();
        signal("STOP", &running);
        running.is_empty().then(|| family.iter().map(|process| process.id).collect())
    })
    .await
}

/// Waits until none of these processes runs.
///
/// # Panics
/// When one still runs in the end.
pub async fn gone(ids: &[u32]) {
    eventually(&format!("the end of the processes {ids:?}"), || async { still_there(ids).is_empty().then_some(()) }).await;
}

/// Which of these processes have not ended.
pub fn still_there(ids: &[u32]) -> Vec<u32> {
    living().iter().map(|process| process.id).filter(|id| ids.contains(id)).collect()
}

fn living_family(id: u32) -> Vec<Listed> {
    let all = living();
    let mut family: Vec<Listed> = all.iter().filter(|process| process.id == id).copied().collect();
    let mut seen = 0;
    while let Some(parent) = family.get(seen).copied() {
        family.extend(all.iter().filter(|process| process.parent == parent.id && process.id != parent.id));
        seen += 1;
    }
    family
}

fn living() -> Vec<Listed> {
    let proc = Path::new("/proc");
    let mut all = if proc.join("self/stat").exists() { from_proc(proc) } else { from_ps() };
    all.retain(|process| process.state != 'Z');
    all
}

/// Linux: `ps` is not part of every container.
fn from_proc(proc: &Path) -> Vec<Listed> {
    let entries = std::fs::read_dir(proc).expect("/proc can be listed").flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // A process may end while it is listed.
    ids.filter_map(|id| parse_stat(id, &std::fs::read_to_string(proc.join(format!("{id}/stat"))).ok()?)).collect()
}

/// `id (name) state parent ...`; the name may hold spaces and brackets (proc_pid_stat(5)).
fn parse_stat(id: u32, stat: &str) -> Option<Listed> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some(Listed { id, state: fields.next()?.chars().next()?, parent: fields.next()?.parse().ok()? })
}

fn from_ps() -> Vec<Listed> {
    let listed = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat="]).output().expect("without /proc there is ps");
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let parse = |line: &str| {
        let mut fields = line.split_whitespace();
        Some(Listed { id: fields.next()?.parse().ok()?, parent: fields.next()?.parse().ok()?, state: fields.next()?.chars().next()? })
    };
    text.lines().filter_map(parse).collect()
}
