//! Memory available to the process: that of the machine, or less by the limit of its control group.

use std::fs;

/// Memory in bytes; `None` if the system does not tell.
pub(super) fn available() -> Option<u64> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").as_deref().and_then(machine);
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let group = group(&groups).unwrap_or_default();
    let files = [
        format!("/sys/fs/cgroup{group}/memory.max"),
        // In a container its own group is the root.
        "/sys/fs/cgroup/memory.max".to_owned(),
        "/sys/fs/cgroup/memory/memory.limit_in_bytes".to_owned(),
    ];
    let limits = files.iter().filter_map(|path| read(path)?.trim().parse().ok());
    machine.into_iter().chain(limits).min()
}

/// Total memory in the text of `/proc/meminfo`, in bytes.
fn machine(text: &str) -> Option<u64> {
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    total.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Path of the unified control group in the text of `/proc/self/cgroup`.
fn group(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::")).filter(|path| *path != "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_the_machine_is_read() {
        let text = "MemTotal:        2042440 kB\nMemFree:          131072 kB\n";
        assert_eq!(machine(text), Some(2_042_440 * 1024));
        assert_eq!(machine("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn unified_control_group_is_read() {
        let text = "12:memory:/old\n0::/system.slice/less-sync.service\n";
        assert_eq!(group(text), Some("/system.slice/less-sync.service"));
        assert_eq!(group("0::/\n"), None);
    }
}
