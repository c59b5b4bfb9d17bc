//! The process, under the names that Prometheus' own clients give these metrics. Linux tells them in files; elsewhere
//! they are left out.

use std::fs;

use crate::metrics::{
    Exposition,
    FamilyKind::{Counter, Gauge},
};

/// How many ticks of the clock in `/proc` make a second: 100 on everything that Linux runs on today (`proc(5)`, `USER_HZ`).
const TICKS: f64 = 100.0;

/// Adds what the kernel tells of this process.
pub(super) fn add(exposition: &mut Exposition) {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    if let Some(stat) = Stat::parse(&read("/proc/self/stat")) {
        exposition
            .family(Counter, "process_cpu_seconds_total", "Time on a processor, for the process and for the kernel.")
            .sample(&[], stat.cpu_ticks / TICKS);
        if let Some(boot) = number_after(&read("/proc/stat"), "btime ") {
            exposition
                .family(Gauge, "process_start_time_seconds", "When the process began, since 1970.")
                .sample(&[], boot + stat.start_ticks / TICKS);
        }
    }
    if let Some(kilobytes) = number_after(&read("/proc/self/status"), "VmRSS:") {
        exposition
            .family(Gauge, "process_resident_memory_bytes", "Memory that the process has in use.")
            .sample(&[], kilobytes * 1024.0);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        // One is that of the folder itself.
        exposition
            .family(Gauge, "process_open_fds", "Files and sockets that are open.")
            .sample(&[], files.count().saturating_sub(1));
    }
}

/// What stands in `/proc/self/stat`.
struct Stat {
    cpu_ticks: f64,
    /// Since the machine began.
    start_ticks: f64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name of the program is in parentheses, and may have anything in it; the third field follows it.
        let (_, fields) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Self { cpu_ticks: field(14)? + field(15)?, start_ticks: field(22)? })
    }
}

/// Returns the number at the start of what follows a word at the start of a line.
fn number_after(text: &str, word: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(word))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_program_may_look_like_fields() {
        let text = "7 (a) 1 (b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 12345 1000 200 18446744073709551615";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.cpu_ticks, stat.start_ticks), (300.0, 12345.0));
        assert!(Stat::parse("").is_none());
        assert_eq!(number_after("VmPeak: 1 kB\nVmRSS:\t  2048 kB", "VmRSS:"), Some(2048.0));
    }
}
