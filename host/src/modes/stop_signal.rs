//! SIGTERM and SIGINT during a run over files: the run ends early, with a sentence that says so.

use std::convert::Infallible;
use std::io;
use std::process;
use std::thread;
use std::time::Duration;

use thiserror::Error;
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::output;

/// How long a run may take to end after the signal. One that waits for its input, such as an open pipe, would otherwise
/// wait on.
const END_GRACE: Duration = Duration::from_secs(2);

/// The exit code of a run that does not end by itself.
const FAILED: i32 = 1;

/// A signal ended the run. What was pinned stays pending.
#[derive(Debug, Error)]
#[error("stopped by a signal; what is committed stays, start again to continue")]
pub(super) struct Stopped;

/// Lands files until a signal. A second signal ends the process at once.
///
/// # Errors
/// Those of `landing`; [`Stopped`]; or the system does not allow to listen for signals.
pub(super) async fn until_stopped<T>(
    landing: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let stopped = listen()?;
    tokio::select! {
        landed = landing => landed,
        _ = stopped => Err(Stopped.into()),
    }
}

/// Listens on a thread of its own, which goes on when the runtime of the run waits for something to end.
fn listen() -> io::Result<oneshot::Receiver<Infallible>> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let signals = {
        let _entered = runtime.enter();
        Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        }
    };
    let (stop, stopped) = oneshot::channel();
    let thread = thread::Builder::new().name("signals".into());
    thread.spawn(move || runtime.block_on(watch(signals, stop)))?;
    Ok(stopped)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Stops the run at the first signal, by dropping `stop`, and ends the process at the next one or after the grace.
async fn watch(mut signals: Signals, stop: oneshot::Sender<Infallible>) {
    signals.next().await;
    drop(stop);
    let _signal_or_grace = timeout(END_GRACE, signals.next()).await;
    output::end_status_line();
    output::error(Stopped);
    process::exit(FAILED);
}
