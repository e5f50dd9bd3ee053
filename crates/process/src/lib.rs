//! Process of a program: signals of process 1, and its standard streams.

mod console;
mod process_one;

pub use console::{Reader, print_stderr, print_stdout, write_stdout};
pub use process_one::end_on_signals;
