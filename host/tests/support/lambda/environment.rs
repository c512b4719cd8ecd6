//! An execution environment: a process and its Runtime API.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::cloud::signal;
use super::FUNCTION;
use super::logs::Logs;
use super::runtime::{FunctionError, RuntimeApi, State};
use testkit::{REGION, environment};

/// The interval at which a waiting test checks whether the process has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The program of an environment.
pub(super) struct Program {
    /// The program and its arguments.
    pub(super) command: Vec<String>,
    /// Variables in addition to those that Lambda sets.
    pub(super) variables: Vec<(String, String)>,
    /// The task root.
    pub(super) folder: PathBuf,
}

/// A running environment. Its process is killed when it is dropped.
pub(super) struct Environment {
    api: RuntimeApi,
    process: Mutex<Child>,
    begun: Instant,
    frozen: AtomicBool,
}

/// The result of waiting for a process.
pub(super) enum Waited<T> {
    /// Its response.
    Answered(T),
    /// It ended without a response.
    Ended(ExitStatus),
    /// Neither in time.
    TooLate,
}

impl Environment {
    /// Starts a process.
    pub(super) fn start(program: &Program, logs: &Logs) -> Self {
        let api = RuntimeApi::start();
        let begun = Instant::now();
        let [stdout, stderr] = logs.outputs();
        let mut command = Command::new(&program.command[0]);
        command.args(&program.command[1..]);
        command.current_dir(&program.folder).env_clear();
        command.envs(variables()).envs(environment());
        command.env("LAMBDA_TASK_ROOT", &program.folder);
        command.env("AWS_LAMBDA_RUNTIME_API", api.address());
        command.envs(program.variables.iter().cloned());
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        Self {
            api,
            process: Mutex::new(command.spawn().unwrap()),
            begun,
            frozen: AtomicBool::new(false),
        }
    }

    /// The time until the process requested its first event, if it has.
    pub(super) fn init_time(&self) -> Option<Duration> {
        let asked = self.api.wait(Duration::ZERO, |state| state.first_asked());
        Some(asked?.duration_since(self.begun))
    }

    /// Waits until the process requests an event, or reports that it cannot start.
    pub(super) fn ready(&self, until: Instant) -> Waited<Result<(), FunctionError>> {
        self.wait(until, |state| match state.init_error() {
            Some(error) => Some(Err(error.clone())),
            None => state.is_asking().then_some(Ok(())),
        })
    }

    /// Sends an event to the process and waits for the result.
    pub(super) fn invoke(
        &self,
        id: &str,
        event: &Value,
        until: Instant,
    ) -> Waited<Result<Value, FunctionError>> {
        let left = until.saturating_duration_since(Instant::now());
        self.api.offer(id, event, left);
        self.wait(until, State::take_outcome)
    }

    fn wait<T>(&self, until: Instant, mut look: impl FnMut(&mut State) -> Option<T>) -> Waited<T> {
        loop {
            // This is checked first, because a process can respond and then end.
            let ended = self.process.lock().unwrap().try_wait().unwrap();
            let left = until.saturating_duration_since(Instant::now());
            if let Some(answered) = self.api.wait(left.min(LOOK_AGAIN), &mut look) {
                return Waited::Answered(answered);
            }
            match ended {
                Some(status) => return Waited::Ended(status),
                None if left.is_zero() => return Waited::TooLate,
                None => {}
            }
        }
    }

    /// Whether the process is running. A process that has ended can have requested an event before.
    pub(super) fn is_alive(&self) -> bool {
        let ended = self.process.lock().unwrap().try_wait();
        ended.unwrap().is_none()
    }

    /// The process's id.
    pub(super) fn pid(&self) -> u32 {
        self.process.lock().unwrap().id()
    }

    /// Freezes the process.
    pub(super) fn freeze(&self) {
        self.signal("STOP");
        self.frozen.store(true, Ordering::Relaxed);
    }

    /// Wakes the process if it is frozen.
    pub(super) fn wake(&self) {
        if self.frozen.swap(false, Ordering::Relaxed) {
            self.signal("CONT");
        }
    }

    /// Signals the process, unless it has ended: its id could belong to another process then.
    fn signal(&self, name: &str) {
        let mut process = self.process.lock().unwrap();
        if process.try_wait().unwrap().is_none() {
            signal(&process, name);
        }
    }

    /// Kills the process and waits for its end.
    pub(super) fn kill(&self) {
        // Also at the end of a test that failed while it held the process.
        let process = self.process.lock();
        let mut process = process.unwrap_or_else(PoisonError::into_inner);
        let _gone_already = process.kill();
        process.wait().unwrap();
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.kill();
    }
}

/// "Working with Lambda environment variables": those of a function with an OS-only runtime that
/// are the same in every environment. The keys are those of a role, so there is a session token
/// too.
fn variables() -> [(&'static str, String); 13] {
    let memory_mb = 512;
    let own = |text: &str| text.to_owned();
    [
        ("AWS_LAMBDA_FUNCTION_NAME", own(FUNCTION)),
        ("AWS_LAMBDA_FUNCTION_VERSION", own("$LATEST")),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory_mb.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", own("on-demand")),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            format!("/aws/lambda/{FUNCTION}"),
        ),
        ("AWS_LAMBDA_LOG_STREAM_NAME", own("2026/01/01/[$LATEST]0")),
        ("AWS_DEFAULT_REGION", own(REGION)),
        ("AWS_SESSION_TOKEN", own("a session")),
        ("_HANDLER", own("bootstrap")),
        ("LAMBDA_RUNTIME_DIR", own("/var/runtime")),
        ("LANG", own("en_US.UTF-8")),
        ("PATH", own("/usr/local/bin:/usr/bin:/bin:/opt/bin")),
        ("TZ", own(":UTC")),
    ]
}
