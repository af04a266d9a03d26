//! What a process takes of the machine, as Linux tells it in /proc.
#![allow(dead_code, unreachable_pub, reason = "each benchmark uses its own part")]

use std::path::Path;

/// What a process takes at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Resident memory in bytes.
    pub resident: u64,
    /// Open file descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: u64,
}

/// Returns what a process takes now; zeros where the system does not say.
pub fn sample(pid: u32) -> Sample {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    Sample { resident: resident(pid), descriptors, threads: status(pid, "Threads:") }
}

/// Returns the resident memory of a process in bytes; 0 where the system does not say.
pub fn resident(pid: u32) -> u64 {
    status(pid, "VmRSS:") * 1_024
}

/// Returns the most that the resident memory of a process ever was, in bytes.
pub fn resident_peak(pid: u32) -> u64 {
    status(pid, "VmHWM:") * 1_024
}

/// Returns the first number of a line of proc(5)'s `status`.
fn status(pid: u32, line: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let rest = text.lines().find_map(|it| it.strip_prefix(line));
    rest.and_then(|it| it.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Returns the processor time a process used, in seconds; 0 where the system does not say.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    // Fields 14 and 15 of proc(5), in hundredths of a second on Linux.
    (ticks(11) + ticks(12)) / 100.0
}

/// Returns the bytes of all files below a folder; what goes away meanwhile does not count.
pub fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    bytes.sum()
}
