//! Compiles components in a process of their own. A component from elsewhere can cost the compiler any
//! amount of time and memory, and only a process can be bounded in both. The process runs this program
//! with a hidden subcommand that reads a component from stdin and writes machine code to stdout.

use std::io::{self, Read as _, Write as _};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::precompiled;
use super::sanitize::sanitize;
use crate::limits::COMPONENT_MAX_BYTES;
use crate::runtime::{Allocation, engine_with};

/// The subcommand of `sluice transform` that the compiler process runs.
pub const COMMAND: &str = "compiler-process";

/// Its flag, if instances are allocated on demand: the code must fit the engine that runs it.
pub const ON_DEMAND: &str = "on-demand";

/// A bundled JavaScript engine of 12 MB, larger than the limit, was compiled in 15 s and 440 MiB.
const COMPILE_TIME: Duration = Duration::from_secs(60);
const COMPILE_MEMORY_BYTES: u64 = 1 << 30;

/// Compiled code has several times the size of the component.
const COMPILED_MAX_BYTES: u64 = 256 << 20;

/// How much of a failed compiler's stderr is kept.
const STDERR_MAX_BYTES: u64 = 4 << 10;

/// How the error of a machine that cannot start a compiler begins. The component is not at fault then.
pub const CANNOT_START: &str = "cannot start a compiler";

/// How often this process has started a compiler.
static COMPILATIONS: AtomicU64 = AtomicU64::new(0);

/// How often this process has started a compiler, whatever came of it.
#[must_use]
pub fn compilations() -> u64 {
    COMPILATIONS.load(Relaxed)
}

/// Compiles a component within bounds of time and memory.
///
/// # Errors
/// The compiler's error, or the limit that it exceeded.
pub async fn compile(engine: &Engine, component: &[u8]) -> Result<Component, String> {
    COMPILATIONS.fetch_add(1, Relaxed);
    let compiled = tokio::time::timeout(COMPILE_TIME, compiled(engine, component)).await;
    let compiled = compiled.map_err(|_| format!("took more than {COMPILE_TIME:?}"))??;
    precompiled::deserialize(engine, &compiled).map_err(|error| format!("{error:#}"))
}

/// The process ends when this is dropped.
async fn compiled(engine: &Engine, component: &[u8]) -> Result<Vec<u8>, String> {
    let fault = |error: io::Error| format!("{CANNOT_START}: {error}");
    let on_demand = Allocation::of(engine) == Allocation::OnDemand;
    let mut child = Command::new(std::env::current_exe().map_err(fault)?)
        .args(["transform", COMMAND])
        .args(on_demand.then(|| format!("--{ON_DEMAND}")))
        // Credentials stay out of the process that reads a foreign component.
        .env_clear()
        .env("RAYON_NUM_THREADS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(fault)?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err("a compiler without pipes".into());
    };
    let (mut compiled, mut message) = (Vec::new(), String::new());
    let feed = async move {
        let fed = stdin.write_all(component).await;
        drop(stdin);
        fed
    };
    let mut stdout = stdout.take(COMPILED_MAX_BYTES);
    let mut stderr = stderr.take(STDERR_MAX_BYTES);
    let (_reads_no_more, read, _not_utf8) = tokio::join!(
        feed,
        stdout.read_to_end(&mut compiled),
        stderr.read_to_string(&mut message)
    );
    read.map_err(|error| error.to_string())?;
    let status = child.wait().await.map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(compiled);
    }
    Err(failure(status, message.trim()))
}

/// The error for a compiler process that failed.
fn failure(status: ExitStatus, stderr: &str) -> String {
    if status.code() == Some(1) {
        return sanitize(stderr.trim_start_matches("sluice: "));
    }
    format!(
        "the compiler ended with {status}; its limits are {COMPILE_TIME:?} and {} MiB of memory",
        COMPILE_MEMORY_BYTES >> 20
    )
}

/// The compiler process: compiles the component on stdin for an engine with this allocation, and writes machine code
/// to stdout.
///
/// # Errors
/// The compiler's error.
pub fn main(allocation: Allocation) -> anyhow::Result<()> {
    set_limit(Resource::Cpu, COMPILE_TIME.as_secs())?;
    set_limit(Resource::Data, COMPILE_MEMORY_BYTES)?;
    let mut component = Vec::new();
    let max = COMPONENT_MAX_BYTES as u64;
    io::stdin().take(max).read_to_end(&mut component)?;
    let compiled = engine_with(allocation, 1)
        .and_then(|engine| precompiled::compile(&engine, &component))
        .map_err(|error| anyhow::anyhow!("{error:#}"))?;
    io::stdout().write_all(&compiled)?;
    Ok(())
}

fn set_limit(resource: Resource, max: u64) -> io::Result<()> {
    let limit = Rlimit {
        current: Some(max),
        maximum: Some(max),
    };
    Ok(setrlimit(resource, limit)?)
}
