//! Key generator of less-sync: signing keys of a server towards its federation peers. All of it is in
//! [`less_sync_app::run_keygen`].

use std::process::ExitCode;

use less_sync_app::Process;

fn main() -> ExitCode {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    less_sync_app::run_keygen(&Process {
        arguments: std::env::args_os().collect(),
        environment: std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect(),
        version: env!("LESS_SYNC_VERSION"),
    })
}
