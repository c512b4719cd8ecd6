//! A function of one execution environment at a time.

use std::path::Path;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::environment::{Environment, Program, Waited};
use super::logs::{Lines, Logs};
use super::runtime::FunctionError;
use super::{PAYLOAD_MAX_BYTES, request_id};

/// "Understanding the Lambda execution environment lifecycle": the time limit of the
/// initialization. After it, the initialization is repeated within the time of the invocation.
const INIT_MAX: Duration = Duration::from_secs(10);

/// The error type of an invocation that took too long.
const TIMED_OUT: &str = "Sandbox.Timedout";

/// A function. Its process starts with the first invocation, stays for the next ones, and is killed
/// when the function is dropped. Invocations from several threads take turns; for concurrent
/// invocations, start the function twice.
pub(crate) struct Function {
    program: Program,
    init_max: Duration,
    logs: Logs,
    environment: Mutex<Option<Arc<Environment>>>,
    cold_starts: AtomicUsize,
    invocations: AtomicUsize,
    turn: Mutex<()>,
}

/// The result of an invocation.
#[derive(Clone, Debug)]
pub(crate) struct Invoked {
    pub(crate) request_id: String,
    /// The response, null if it was empty, or the error. A response that is not JSON is a string.
    pub(crate) response: Result<Value, FunctionError>,
    /// Whether it took too long, and the process was killed.
    pub(crate) timed_out: bool,
    /// The output of the function during the invocation; of a cold start, also during the
    /// initialization.
    pub(crate) logs: Lines,
}

impl Function {
    /// A function that runs this command (a program and its arguments) in this folder, its task
    /// root, with these variables and those that Lambda sets, and no others.
    pub(crate) fn start(command: &[&str], variables: &[(&str, &str)], folder: &Path) -> Self {
        let own = |text: &&str| (*text).to_owned();
        let pair = |(name, value): &(&str, &str)| (own(name), own(value));
        Self {
            program: Program {
                command: command.iter().map(own).collect(),
                variables: variables.iter().map(pair).collect(),
                folder: folder.to_owned(),
            },
            init_max: INIT_MAX,
            logs: Logs::new(),
            environment: Mutex::default(),
            cold_starts: AtomicUsize::new(0),
            invocations: AtomicUsize::new(0),
            turn: Mutex::default(),
        }
    }

    /// Sets the time limit of the initialization, 10 s by default.
    pub(crate) fn with_init_max(self, init_max: Duration) -> Self {
        Self { init_max, ..self }
    }

    /// Invokes the function and waits for the result, for `time` and the initialization.
    ///
    /// If the process ends, or takes too long and is killed, the invocation fails and the next one
    /// is a cold start.
    pub(crate) fn invoke(&self, event: &Value, time: Duration) -> Invoked {
        let bytes = event.to_string().len();
        assert!(bytes <= PAYLOAD_MAX_BYTES, "Lambda takes no {bytes} bytes");
        let _turn = self.turn.lock().unwrap();
        let before = self.logs.lines();
        let id = request_id(self.invocations.fetch_add(1, Ordering::Relaxed));
        let response = self
            .environment(&id, time)
            .and_then(|(environment, until)| {
                let waited = environment.invoke(&id, event, until);
                invocation_result(&environment, &id, time, waited)
            });
        Invoked {
            request_id: id,
            timed_out: matches!(&response, Err(error) if error.error_type == TIMED_OUT),
            response,
            logs: self.logs.lines().without(&before),
        }
    }

    /// An environment that waits for an event, and the deadline of its response.
    fn environment(
        &self,
        id: &str,
        time: Duration,
    ) -> Result<(Arc<Environment>, Instant), FunctionError> {
        if let Some(warm) = self.warm() {
            return Ok((warm, Instant::now() + time));
        }
        let cold = self.cold();
        let waited = match cold.ready(Instant::now() + self.init_max) {
            Waited::TooLate => {
                cold.kill();
                return self.late(id, time);
            }
            waited => waited,
        };
        invocation_result(&cold, id, time, waited)?;
        Ok((cold, Instant::now() + time))
    }

    /// The second attempt of an initialization, within the time of the invocation.
    fn late(&self, id: &str, time: Duration) -> Result<(Arc<Environment>, Instant), FunctionError> {
        let until = Instant::now() + time;
        let cold = self.cold();
        invocation_result(&cold, id, time, cold.ready(until))?;
        Ok((cold, until))
    }

    /// The existing process, unless it has ended or does not request another event.
    fn warm(&self) -> Option<Arc<Environment>> {
        let environment = self.current().filter(|current| current.is_alive())?;
        environment.wake();
        let ready = environment.ready(Instant::now() + self.init_max);
        matches!(ready, Waited::Answered(Ok(()))).then_some(environment)
    }

    fn cold(&self) -> Arc<Environment> {
        self.cold_starts.fetch_add(1, Ordering::Relaxed);
        let environment = Arc::new(Environment::start(&self.program, &self.logs));
        *self.environment.lock().unwrap() = Some(Arc::clone(&environment));
        environment
    }

    fn current(&self) -> Option<Arc<Environment>> {
        self.environment.lock().unwrap().clone()
    }

    /// Kills the process, even during an invocation; returns whether there was one. The next
    /// invocation is a cold start.
    pub(crate) fn kill(&self) -> bool {
        let alive = self.current().filter(|current| current.is_alive());
        alive.map(|environment| environment.kill()).is_some()
    }

    /// Freezes the process once it waits for an event, as Lambda does between invocations. The next
    /// invocation wakes it.
    pub(crate) fn freeze(&self) {
        let environment = self.current().expect("a process");
        let ready = environment.ready(Instant::now() + self.init_max);
        assert!(matches!(ready, Waited::Answered(Ok(()))), "it is not idle");
        environment.freeze();
    }

    /// Freezes the process at once; returns whether there is one. If an invocation has no response
    /// in time, the process is killed.
    pub(crate) fn freeze_at_work(&self) -> bool {
        let alive = self.current().filter(|current| current.is_alive());
        alive.map(|environment| environment.freeze()).is_some()
    }

    /// Wakes a frozen process.
    pub(crate) fn wake(&self) {
        if let Some(environment) = self.current() {
            environment.wake();
        }
    }

    /// The id of the process.
    pub(crate) fn pid(&self) -> Option<u32> {
        Some(self.current()?.pid())
    }

    /// The time from the start of the process to its request for the first event.
    pub(crate) fn init_time(&self) -> Option<Duration> {
        self.current()?.init_time()
    }

    /// The number of processes that were started.
    pub(crate) fn cold_starts(&self) -> usize {
        self.cold_starts.load(Ordering::Relaxed)
    }

    /// The output of all processes of the function.
    pub(crate) fn logs(&self) -> Lines {
        self.logs.lines()
    }
}

/// The response of a process, or the error that Lambda reports if there is none.
fn invocation_result<T>(
    environment: &Environment,
    id: &str,
    time: Duration,
    waited: Waited<Result<T, FunctionError>>,
) -> Result<T, FunctionError> {
    match waited {
        Waited::Answered(answered) => answered,
        Waited::Ended(status) => Err(ended(id, status)),
        Waited::TooLate => {
            environment.kill();
            Err(timed_out(id, time))
        }
    }
}

fn ended(id: &str, status: ExitStatus) -> FunctionError {
    let how = match status.code() {
        Some(code) => format!("exit status {code}"),
        None => "signal: killed".to_owned(),
    };
    let message = format!("RequestId: {id} Error: Runtime exited with error: {how}");
    FunctionError::new("Runtime.ExitError", message)
}

fn timed_out(id: &str, time: Duration) -> FunctionError {
    let seconds = time.as_secs_f64();
    let message = format!("RequestId: {id} Error: Task timed out after {seconds:.2} seconds");
    FunctionError::new(TIMED_OUT, message)
}
