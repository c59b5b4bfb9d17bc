//! How processors are shared between the programs that are measured, and how long those worked.

use std::{
    fs,
    process::{Command, Stdio},
    sync::LazyLock,
};

use crate::install::is_installed;

/// A processor that something is bound to, so that server and client do not take each other's time.
#[derive(Clone, Copy)]
pub(crate) enum Core {
    Client,
    Server,
}

impl Core {
    fn number(self) -> &'static str {
        match self {
            Self::Client => "0",
            Self::Server => "1",
        }
    }

    /// Whether there is a processor for each, and the means to bind to them. Found out once, before the first thread is bound:
    /// one that is has a single processor.
    pub(crate) fn can_be_chosen() -> bool {
        static CAN_BE_CHOSEN: LazyLock<bool> = LazyLock::new(|| {
            std::thread::available_parallelism().is_ok_and(|number| number.get() > 1) && is_installed("taskset")
        });
        *CAN_BE_CHOSEN
    }

    /// The same command on this processor, if it can be chosen.
    pub(crate) fn command(self, plain: Command) -> Command {
        if !Self::can_be_chosen() {
            return plain;
        }
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", self.number()]).arg(plain.get_program()).args(plain.get_args());
        command
    }

    /// Binds the calling thread to this processor, if it can be chosen.
    ///
    /// Through a program, because the system call takes `unsafe`, which the whole workspace forbids.
    pub(crate) fn bind(self) {
        if Self::can_be_chosen()
            && let Ok(thread) = fs::read_link("/proc/thread-self")
            && let Some(id) = thread.file_name()
        {
            let mut command = Command::new("taskset");
            command.args(["--cpu-list", "--pid", self.number()]).arg(id).stdout(Stdio::null());
            // Without it figures are noisier, no more.
            let _ = command.status();
        }
    }
}

/// How long the calling thread has worked so far; 0 where the kernel does not tell.
pub(crate) fn thread_seconds() -> f64 {
    // User and system time are the fields 14 and 15.
    seconds(&fs::read_to_string("/proc/thread-self/stat").unwrap_or_default(), 14)
}

/// How long a process has worked so far; 0 where the kernel does not tell.
pub(crate) fn process_seconds(process: u32) -> f64 {
    seconds(&fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default(), 14)
}

/// How long the processes worked that this one started and that have ended; 0 where the kernel does not tell.
pub(crate) fn children_seconds() -> f64 {
    seconds(&fs::read_to_string("/proc/self/stat").unwrap_or_default(), 16)
}

/// Adds up two fields of a line of the kernel's (proc(5)), which counts in ticks: a hundred a second on every Linux.
fn seconds(stat: &str, field: usize) -> f64 {
    // The name, which is the second field, may hold anything, also a blank.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(field - 3).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn the_kernels_fields_are_counted_behind_the_name() {
        let stat = "4711 (a ) b) S 4 5 6 7 8 9 10 11 12 13 140 150 1600 1700 18\n";
        assert_eq!([seconds(stat, 14), seconds(stat, 16), seconds("", 14)], [2.9, 33.0, 0.0]);
    }
}
