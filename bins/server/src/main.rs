//! Server binary of less-sync: `serve`, configuration checks and development tokens. By a link with the name of the migrator or of
//! the key generator, it is that program. All of it is in [`less_sync_app::run_by_name`].

use std::process::ExitCode;

use less_sync_app::Process;

/// Returns freed memory within seconds. The allocator of glibc keeps what a mass departure of connections frees.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    less_sync_app::run_by_name(Process {
        arguments: std::env::args_os().collect(),
        environment: std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect(),
        version: env!("LESS_SYNC_VERSION"),
    })
}
