//! Tries again whenever a file changes, until Ctrl-C.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};

use super::Session;
use super::input::named;
use crate::config::ConfigError;
use crate::output;
use crate::output::OutputError;

/// How often files are polled.
const EVERY: Duration = Duration::from_millis(200);

/// Clears the screen and goes to its top ("ECMA-48", ED and CUP).
const CLEAR: &str = "\x1b[2J\x1b[H";

/// The exit code after Ctrl-C.
const DONE: i32 = 0;

/// Tries again and again. What fails is printed, and trying goes on.
///
/// # Errors
/// There is no file to watch, a file of the rules cannot be read at the start, the system does not allow to listen for
/// signals, or standard output cannot be written.
pub(super) fn run(mut session: Session<'_>) -> anyhow::Result<()> {
    let mut files = session.rules.files()?;
    files.extend(session.input.files());
    if files.is_empty() {
        let why =
            "there is no file to watch; give --jq FILE, --transform FILE, or records in a file";
        return Err(ConfigError::new("watch", why).into());
    }
    end_at_interrupt()?;
    let clears = io::stdout().is_terminal() && !session.args.json;
    loop {
        let seen = stamps(&files);
        if clears {
            output::text(CLEAR)?;
        }
        if let Err(error) = session.round() {
            if error.is::<OutputError>() {
                return Err(error);
            }
            output::error(output::with_causes(&error));
        }
        let names = files.iter().map(|file| file.display().to_string());
        output::message(format_args!(
            "sluice: watching {}; Ctrl-C ends",
            named(names)
        ));
        wait_for_change(&files, &seen);
    }
}

/// Ends the process at Ctrl-C, whatever it does then: nothing is written anywhere.
fn end_at_interrupt() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build()?;
    let mut interrupt = {
        let _entered = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    let thread = thread::Builder::new().name("signals".into());
    thread.spawn(move || {
        runtime.block_on(interrupt.recv());
        process::exit(DONE);
    })?;
    Ok(())
}

/// When a file was modified, and its length; `None` if there is none.
type Stamp = Option<(Option<SystemTime>, u64)>;

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| stamp(path);
    files.iter().map(stamp).collect()
}

fn stamp(path: &Path) -> Stamp {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok(), found.len()))
}

/// Waits until a file is another one than was seen, and until all are the same for one poll: one that is being written
/// may be incomplete.
fn wait_for_change(files: &[PathBuf], seen: &[Stamp]) {
    let mut before = seen.to_vec();
    loop {
        thread::sleep(EVERY);
        let now = stamps(files);
        if now != seen && now == before {
            return;
        }
        before = now;
    }
}
