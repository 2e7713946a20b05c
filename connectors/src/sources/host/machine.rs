//! One reading of this machine after the other, with handles that are kept.

use std::collections::BTreeMap;
use std::time::Instant;

use floodmark_schemas::{BatchBuilder, EventBatch, Series, Timestamp};
use sysinfo::{
    CpuRefreshKind, DiskRefreshKind, Disks, MemoryRefreshKind, NetworkData, Networks, Pid, ProcessRefreshKind, ProcessesToUpdate, System,
};

use super::rates::Rates;

/// What is to be read.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The label `host`.
    pub host: String,
    /// Each core as well.
    pub per_core: bool,
    /// The loopback interface as well.
    pub loopback: bool,
}

/// This machine.
pub struct Machine {
    wish: Wish,
    system: System,
    disks: Disks,
    networks: Networks,
    own: Option<Pid>,
    rates: Rates,
    /// The first reading of the processor tells the time since the machine started, not what is used now.
    processor_known: bool,
}

impl Machine {
    /// Handles with nothing read yet.
    pub fn new(wish: Wish) -> Self {
        Self {
            wish,
            system: System::new(),
            disks: Disks::new(),
            networks: Networks::new(),
            own: sysinfo::get_current_pid().ok(),
            rates: Rates::default(),
            processor_known: false,
        }
    }

    /// Reads everything once; samples have the time `time`. Blocks for as long as the kernel takes.
    pub fn read(&mut self, time: Timestamp) -> EventBatch {
        let mut samples = Samples { host: self.wish.host.clone(), time: time.micros(), batch: BatchBuilder::default() };
        self.processor(&mut samples);
        self.memory(&mut samples);
        self.disks(&mut samples);
        self.networks(&mut samples);
        self.processes(&mut samples);
        self.rates.end_round();
        samples.batch.take()
    }

    fn processor(&mut self, samples: &mut Samples) {
        self.system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_cpu_usage());
        if self.processor_known {
            samples.add("cpu_usage", "%", f64::from(self.system.global_cpu_usage()));
            for (core, cpu) in self.system.cpus().iter().enumerate().filter(|_| self.wish.per_core) {
                samples.add_of("cpu_usage", "%", ("core", &core.to_string()), f64::from(cpu.cpu_usage()));
            }
        }
        self.processor_known = true;
        let load = System::load_average();
        samples.add("load1", "", load.one);
        samples.add("load5", "", load.five);
        samples.add("load15", "", load.fifteen);
        samples.add("uptime_seconds", "s", System::uptime() as f64);
    }

    fn memory(&mut self, samples: &mut Samples) {
        self.system.refresh_memory_specifics(MemoryRefreshKind::everything());
        samples.add("memory_total", "By", self.system.total_memory() as f64);
        samples.add("memory_used", "By", self.system.used_memory() as f64);
        samples.add("memory_available", "By", self.system.available_memory() as f64);
        samples.add("swap_used", "By", self.system.used_swap() as f64);
    }

    fn disks(&mut self, samples: &mut Samples) {
        self.disks.refresh_specifics(true, DiskRefreshKind::nothing().with_storage().with_io_usage());
        let now = Instant::now();
        // A device that is mounted at several places is one disk; its shortest mount point is what people call it.
        let mut by_device = BTreeMap::new();
        for disk in self.disks.list().iter().filter(|disk| disk.total_space() > 0) {
            let kept = by_device.entry(disk.name()).or_insert(disk);
            if disk.mount_point().as_os_str().len() < kept.mount_point().as_os_str().len() {
                *kept = disk;
            }
        }
        for disk in by_device.into_values() {
            let mount = disk.mount_point().to_string_lossy();
            samples.add_of("disk_total", "By", ("mount", &mount), disk.total_space() as f64);
            samples.add_of("disk_used", "By", ("mount", &mount), disk.total_space().saturating_sub(disk.available_space()) as f64);
            let usage = disk.usage();
            for (metric, total) in [("disk_read", usage.total_read_bytes), ("disk_written", usage.total_written_bytes)] {
                if let Some(rate) = self.rates.per_second(metric, &mount, total, now) {
                    samples.add_of(metric, "By/s", ("mount", &mount), rate);
                }
            }
        }
    }

    fn networks(&mut self, samples: &mut Samples) {
        self.networks.refresh(true);
        let now = Instant::now();
        let mut interfaces: Vec<(&String, &NetworkData)> = self.networks.list().iter().collect();
        interfaces.sort_by_key(|(name, _)| *name);
        for (name, network) in interfaces {
            let (received, transmitted) = (network.total_received(), network.total_transmitted());
            let unused = received == 0 && transmitted == 0;
            if unused || (is_loopback(network) && !self.wish.loopback) {
                continue;
            }
            for (metric, total) in [("network_received", received), ("network_transmitted", transmitted)] {
                if let Some(rate) = self.rates.per_second(metric, name, total, now) {
                    samples.add_of(metric, "By/s", ("interface", name), rate);
                }
            }
        }
    }

    fn processes(&mut self, samples: &mut Samples) {
        if let Some(count) = process_count() {
            samples.add("processes", "", count as f64);
        }
        let Some(own) = self.own else { return };
        // Only this process: a list of all would cost more memory than the rest of the source.
        let kind = ProcessRefreshKind::nothing().with_memory().with_cpu().without_tasks();
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), true, kind);
        let Some(process) = self.system.process(own) else { return };
        samples.add("process_memory", "By", process.memory() as f64);
        let milliseconds = process.accumulated_cpu_time();
        if let Some(rate) = self.rates.per_second("process_cpu", "", milliseconds, Instant::now()) {
            // A thousand milliseconds of processor time in a second are one core in full use.
            samples.add("process_cpu", "%", rate / 10.0);
        }
    }
}

fn is_loopback(network: &NetworkData) -> bool {
    network.ip_networks().iter().any(|ip| ip.addr.is_loopback())
}

/// How many processes there are, where that can be counted without reading each of them.
fn process_count() -> Option<usize> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let is_pid = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    let entries = std::fs::read_dir("/proc").ok()?;
    Some(entries.flatten().filter(|entry| is_pid(&entry.file_name())).count())
}

/// The samples of one reading.
struct Samples {
    host: String,
    time: i64,
    batch: BatchBuilder,
}

impl Samples {
    fn add(&mut self, metric: &str, unit: &str, value: f64) {
        self.push(Series::new(metric).unit(unit), value);
    }

    fn add_of(&mut self, metric: &str, unit: &str, (name, label): (&str, &str), value: f64) {
        self.push(Series::new(metric).unit(unit).label(name, label), value);
    }

    fn push(&mut self, series: Series, value: f64) {
        // A value that is not finite says nothing, and JSON cannot carry it.
        if value.is_finite() {
            let series = self.batch.series(&series.label("host", self.host.as_str()));
            self.batch.sample(series, self.time, value, "");
        }
    }
}
