//! Signals of the first process of a container.
//!
//! The kernel ignores signals to process 1 for which it has no handler, so that Ctrl-C and `docker stop` would not end a command
//! that waits for standard input or a lock.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Installs handlers that end the process, with the exit code of a shell for that signal; does nothing in any other process.
///
/// # Errors
/// The handlers cannot be installed, or their thread cannot be started.
pub fn end_on_signals() -> io::Result<()> {
    if std::process::id() != 1 {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    // Within the runtime, which delivers the signals.
    let handlers = {
        let _entered = runtime.enter();
        kinds.map(|kind| signal(kind).map(|handler| (kind, handler)))
    };
    let mut handlers = handlers.into_iter().collect::<io::Result<Vec<_>>>()?;
    // A thread of its own: the main one may be blocked by a lock.
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let received = handlers.iter_mut().map(|(kind, handler)| {
                Box::pin(async {
                    handler.recv().await;
                    *kind
                })
            });
            let (kind, ..) = runtime.block_on(futures_util::future::select_all(received));
            std::process::exit(128 + kind.as_raw_value());
        })
        .map(drop)
}
