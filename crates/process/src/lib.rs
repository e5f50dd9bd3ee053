//! Process of a program: signals of process 1, its standard streams, passwords from them, and its help.

mod console;
mod ending;
mod password;
mod process_one;

pub use console::{Reader, print_stderr, print_stdout, write_stdout};
pub use ending::print_ending;
pub use password::{read_new_password, read_password};
pub use process_one::end_on_signals;
