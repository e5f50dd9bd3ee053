//! Metrics of the process, its runtime and its build (operations §7.2).

use std::fs;
use std::time::Duration;

use less_sync_metrics::{Gauge, Reading, Registry};
use tokio::runtime::Handle;

/// Clock ticks per second in `/proc`: a constant of the kernel's interface.
const TICKS_PER_SECOND: u64 = 100;

/// Registers all of them. `version`: `<semver> (<git hash>)`. Must be called inside the runtime.
pub(crate) fn register(registry: &mut Registry, version: &str) {
    let (number, revision) = version.split_once(" (").unwrap_or((version, "unknown"));
    let labels = [number.to_owned(), revision.trim_end_matches(')').to_owned()];
    let build = Gauge::<i64>::default();
    build.set(1);
    registry.family(
        "build_info",
        "version and commit of the server",
        ["version", "revision"],
        [(labels, build)],
    );
    process(registry);
    runtime(registry);
}

fn process(registry: &mut Registry) {
    let memory = Reading::gauge(|| resident_bytes().unwrap_or_default());
    registry.register("process_resident_memory_bytes", "resident memory", memory);
    let cpu = Reading::duration_counter(|| ticks(CPU_FIELDS).unwrap_or_default());
    registry.register("process_cpu_seconds_total", "processor time in user and kernel mode", cpu);
    let files = Reading::gauge(|| fs::read_dir("/proc/self/fd").map_or(0, Iterator::count));
    registry.register("process_open_fds", "open file descriptors", files);
    let limit = Reading::gauge(|| {
        crate::file_limit::current().map_or(0, |limit| usize::try_from(limit).unwrap_or(usize::MAX >> 1))
    });
    registry.register("process_max_fds", "limit of open file descriptors", limit);
    let start = start_time().unwrap_or_default();
    registry.register(
        "process_start_time_seconds",
        "Unix time of the start",
        Reading::seconds(move || start),
    );
}

fn runtime(registry: &mut Registry) {
    let metrics = Handle::current().metrics();
    let workers = metrics.clone();
    let workers = Reading::gauge(move || workers.num_workers());
    registry.register("tokio_workers", "worker threads of the runtime", workers);
    let tasks = metrics.clone();
    let tasks = Reading::gauge(move || tasks.num_alive_tasks());
    registry.register("tokio_alive_tasks", "tasks of the runtime", tasks);
    let queue = Reading::gauge(move || metrics.global_queue_depth());
    registry.register("tokio_global_queue_depth", "tasks in the global queue of the runtime", queue);
}

/// Positions of user and kernel time in `/proc/self/stat`, after the name of the program.
const CPU_FIELDS: &[usize] = &[11, 12];
/// Position of the start, in ticks since the boot.
const START_FIELDS: &[usize] = &[19];

/// Sum of fields of `/proc/self/stat`, which are in clock ticks.
fn ticks(fields: &[usize]) -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name is in parentheses, and may contain blanks and parentheses.
    let values: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.iter().map(|field| values.get(*field)?.parse::<u64>().ok()).sum::<Option<u64>>()?;
    Some(Duration::from_millis(ticks.saturating_mul(1000 / TICKS_PER_SECOND)))
}

fn resident_bytes() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Unix time of the start of the process, in seconds.
fn start_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + ticks(START_FIELDS)?.as_secs_f64())
}
