//! A line on a terminal that changes. Everything else is written above it, so that no part of it stays in between.

use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The line that is shown.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn shown() -> MutexGuard<'static, Option<ProgressBar>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A line on standard error, which disappears when this is dropped. There is one at a time.
#[derive(Debug)]
pub struct StatusLine {
    bar: ProgressBar,
}

impl StatusLine {
    /// Shows the line; `None` if standard error is not a terminal.
    #[must_use]
    pub fn start() -> Option<Self> {
        if !io::stderr().is_terminal() {
            return None;
        }
        Some(Self::show(ProgressDrawTarget::stderr()))
    }

    fn show(target: ProgressDrawTarget) -> Self {
        // `wide_msg` is cut at the width of the terminal. A line that wraps could not be replaced.
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        let style = style.unwrap_or(ProgressStyle::default_spinner());
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        *shown() = Some(bar.clone());
        Self { bar }
    }

    /// Replaces the text. What does not fit the terminal is cut off.
    pub fn set(&self, text: String) {
        self.bar.set_message(text);
        self.bar.tick();
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        let mut shown = shown();
        self.bar.finish_and_clear();
        *shown = None;
    }
}

/// Removes the line, if there is one, before the process ends.
pub fn end() {
    if let Some(bar) = shown().take() {
        bar.finish_and_clear();
    }
}

/// Writes to a terminal above the line, if there is one.
pub(super) fn above<T>(write: impl FnOnce() -> T) -> T {
    let bar = shown().clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use indicatif::TermLike;

    use super::*;

    /// A terminal with 20 columns that keeps what is written between two clearings of the line.
    #[derive(Clone, Debug, Default)]
    struct Narrow(Arc<Mutex<Vec<String>>>);

    impl Narrow {
        fn add(&self, text: &str) -> io::Result<()> {
            let mut lines = self.0.lock().unwrap();
            if lines.is_empty() {
                lines.push(String::new());
            }
            lines.last_mut().unwrap().push_str(text);
            Ok(())
        }
    }

    impl TermLike for Narrow {
        fn width(&self) -> u16 {
            20
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.add(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.add(text)
        }
        fn clear_line(&self) -> io::Result<()> {
            self.0.lock().unwrap().push(String::new());
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// All in one test, since there is one line at a time.
    #[test]
    fn a_line_fits_a_narrow_terminal_and_is_not_in_the_way() {
        let terminal = Narrow::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let line = StatusLine::show(target);
        line.set("1,000,000 records read, 900,000 committed".to_owned());
        let lines = terminal.0.lock().unwrap().clone();
        let written: Vec<_> = lines.iter().filter(|line| !line.is_empty()).collect();
        assert!(!written.is_empty());
        for line in written {
            assert!(line.chars().count() <= 20, "{line:?}");
        }
        above(|| terminal.add("a log line\n")).unwrap();
        let lines = terminal.0.lock().unwrap().clone();
        let is_logged = |line: &String| line.starts_with("a log line\n");
        assert!(lines.iter().any(is_logged), "{lines:?}");
        drop(line);
        let last = terminal.0.lock().unwrap().last().cloned();
        assert_eq!(last.as_deref(), Some(""));
    }
}
