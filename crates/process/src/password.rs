//! Passwords from the terminal or from standard input, never from the command line, which other users can list.

use std::io::{self, BufRead as _, ErrorKind, IsTerminal as _, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Maximum length of a line, in bytes.
const MAX_BYTES: u64 = 4096;

/// Reads a password: typed at a prompt without echo, or the first line of standard input if that is no terminal.
///
/// # Errors
/// Standard input cannot be read, is empty, or is not UTF-8.
pub fn read_password(prompt: &str) -> io::Result<Zeroizing<String>> {
    if !io::stdin().is_terminal() {
        return read_line();
    }
    let mut terminal = io::stderr().lock();
    write!(terminal, "{prompt}: ")?;
    terminal.flush()?;
    let hidden = HiddenInput::begin()?;
    let line = read_line();
    drop(hidden);
    writeln!(terminal)?;
    line
}

/// Reads a new password as [`read_password`] does; on a terminal, twice.
///
/// # Errors
/// As [`read_password`], and two different passwords.
pub fn read_new_password() -> io::Result<Zeroizing<String>> {
    let password = read_password("New password")?;
    if io::stdin().is_terminal() && *read_password("Repeat it")? != *password {
        return Err(io::Error::new(ErrorKind::InvalidInput, "the passwords differ"));
    }
    Ok(password)
}

/// Reads a line, without its end.
fn read_line() -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().take(MAX_BYTES).read_line(&mut line)?;
    let length = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(length);
    if line.is_empty() {
        Err(io::Error::new(ErrorKind::UnexpectedEof, "no password was given"))
    } else {
        Ok(line)
    }
}

/// Terminal that does not show what is typed, until it is dropped.
struct HiddenInput(Termios);

impl HiddenInput {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        let _closed = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
