//! What this process takes of the machine, looked at when metrics are collected.

use std::sync::{Arc, Mutex, PoisonError};

use floodmark_engine::telemetry::METER;
use opentelemetry::global;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Memory and CPU time of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Usage {
    resident_bytes: u64,
    cpu_secs: f64,
}

/// Shows memory and CPU time of this process. Where the system does not tell, nothing is shown.
pub(super) fn show() {
    let Ok(own) = sysinfo::get_current_pid() else { return };
    let system = Arc::new(Mutex::new(System::new()));
    let (of_memory, of_cpu) = (system.clone(), system);
    let meter = global::meter(METER);
    let memory = meter.u64_observable_gauge("floodmark_process_resident_memory_bytes").with_unit("By");
    let memory = memory.with_description("Memory of the process that is in RAM.").with_callback(move |observer| {
        usage(&of_memory, own).into_iter().for_each(|usage| observer.observe(usage.resident_bytes, &[]));
    });
    let cpu = meter.f64_observable_counter("floodmark_process_cpu_seconds_total").with_unit("s");
    let cpu = cpu.with_description("CPU time of all threads of the process.").with_callback(move |observer| {
        usage(&of_cpu, own).into_iter().for_each(|usage| observer.observe(usage.cpu_secs, &[]));
    });
    // The meter keeps the callbacks; the handles are good for nothing.
    let _handles = (memory.build(), cpu.build());
}

fn usage(system: &Mutex<System>, own: Pid) -> Option<Usage> {
    let mut system = system.lock().unwrap_or_else(PoisonError::into_inner);
    let what = ProcessRefreshKind::nothing().with_memory().with_cpu().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), true, what);
    let process = system.process(own)?;
    Some(Usage { resident_bytes: process.memory(), cpu_secs: process.accumulated_cpu_time() as f64 / 1e3 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_memory_and_its_cpu_time_only_grows() {
        let (system, own) = (Mutex::new(System::new()), sysinfo::get_current_pid().unwrap());
        let before = usage(&system, own).unwrap();
        assert!(before.resident_bytes > 1 << 20, "{before:?}");
        // Until the clock of CPU time has moved: it counts in steps of 10 ms.
        let mut sum = 0_u64;
        while usage(&system, own).unwrap().cpu_secs <= before.cpu_secs {
            sum = (0..100_000).fold(sum, u64::wrapping_add);
        }
    }
}
