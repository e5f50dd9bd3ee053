//! Processor time, memory and open files of a process, from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};

/// A process on this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(u32);

impl Process {
    /// Process with this id.
    pub(crate) fn new(pid: u32) -> Self {
        Self(pid)
    }

    /// Process of the load generator.
    pub(crate) fn own() -> Self {
        Self(std::process::id())
    }

    /// User and system time used so far.
    pub(crate) fn cpu(self) -> anyhow::Result<Duration> {
        let stat = self.read("stat")?;
        let ticks = cpu_ticks(&stat).with_context(|| format!("cannot parse /proc/{}/stat", self.0))?;
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_millis(ticks * 1000 / per_second.max(1)))
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident(self) -> anyhow::Result<u64> {
        let status = self.read("status")?;
        status_kib(&status, "VmRSS").with_context(|| format!("cannot parse /proc/{}/status", self.0))
    }

    /// Open files and sockets.
    pub(crate) fn files(self) -> anyhow::Result<usize> {
        let path = format!("/proc/{}/fd", self.0);
        Ok(fs::read_dir(&path).with_context(|| format!("cannot read {path}"))?.count())
    }

    fn read(self, name: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{name}", self.0);
        fs::read_to_string(&path).with_context(|| format!("cannot read {path}; is the server still running?"))
    }
}

/// User and system time: fields 14 and 15. Counting starts after the name, which may contain spaces and parentheses.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn status_kib(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// Raises the limit of open files to the hard limit; a launched server inherits it.
pub(crate) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // A scenario that needs more files than the limit fails with its own error.
    let _unchanged = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Lowers the priority of the calling thread, and of threads that it starts from now on: its work takes only the processor
/// time that the server and other threads leave.
pub(crate) fn lower_thread_priority() {
    const NICE: i32 = 10;
    // Without it the thread competes with the server: the figures are worse, not wrong.
    let _unchanged = setpriority_process(None, NICE);
}

#[cfg(test)]
mod tests {
    use super::{Process, cpu_ticks, status_kib};

    #[test]
    fn cpu_time_is_parsed_after_a_name_with_parentheses() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 150 25 0 0 20 0 5 0 100 1 2";
        assert_eq!(cpu_ticks(stat), Some(175));
        assert_eq!(cpu_ticks("42 nonsense"), None);
    }

    #[test]
    fn memory_is_parsed_by_its_exact_name() {
        let status = "Name:\tx\nVmRSS:\t   10 kB\nVmRSSx: 1 kB\n";
        assert_eq!(status_kib(status, "VmRSS"), Some(10 * 1024));
        assert_eq!(status_kib(status, "VmHWM"), None);
    }

    #[test]
    fn own_process_can_be_read() {
        let process = Process::own();
        process.cpu().unwrap();
        assert!(process.resident().unwrap() > 100 * 1024);
        assert!(process.files().unwrap() > 2);
    }
}
