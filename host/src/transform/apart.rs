//! Compiles components in a process of their own: a component from elsewhere can be made to cost a
//! compiler any amount of time and memory, and only a process can be bounded in both. The other process
//! is this program again, told to read a component and to write what it was compiled to.

use std::io::{self, Read as _, Write as _};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::admit::COMPONENT_MAX_BYTES;
use super::engine::engine;
use super::limits::Limits;
use super::precompiled;
use super::said;

/// The subcommand of `sluice transform` that the other process runs.
pub const COMMAND: &str = "compile-apart";

/// A bundled JavaScript engine of 12 MB, larger than is taken, was compiled in 15 s and 440 MiB.
const COMPILE_TIME: Duration = Duration::from_secs(60);
const COMPILE_MEMORY_BYTES: u64 = 1 << 30;

/// Compiled code has several times the size of the component.
const COMPILED_MAX_BYTES: u64 = 256 << 20;

/// What is kept of the words of a compiler that failed.
const WORDS_MAX_BYTES: u64 = 4 << 10;

/// Compiles a component within bounds of time and memory.
///
/// # Errors
/// What the compiler said, or which bound it ran into.
pub async fn compile(engine: &Engine, component: &[u8]) -> Result<Component, String> {
    let compiled = tokio::time::timeout(COMPILE_TIME, compiled(component)).await;
    let compiled = compiled.map_err(|_| format!("took more than {COMPILE_TIME:?}"))??;
    precompiled::take(engine, &compiled).map_err(|error| format!("{error:#}"))
}

/// The process ends when this is dropped.
async fn compiled(component: &[u8]) -> Result<Vec<u8>, String> {
    let fault = |error: io::Error| format!("cannot start a compiler: {error}");
    let mut child = Command::new(std::env::current_exe().map_err(fault)?)
        .args(["transform", COMMAND])
        // What is compiled has no business with credentials.
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
    let (mut compiled, mut words) = (Vec::new(), String::new());
    let feed = async move {
        let fed = stdin.write_all(component).await;
        drop(stdin);
        fed
    };
    let mut output = stdout.take(COMPILED_MAX_BYTES);
    let mut said = stderr.take(WORDS_MAX_BYTES);
    let (_reads_no_more, read, _not_utf8) = tokio::join!(
        feed,
        output.read_to_end(&mut compiled),
        said.read_to_string(&mut words)
    );
    read.map_err(|error| error.to_string())?;
    let status = child.wait().await.map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(compiled);
    }
    Err(failure(status, words.trim()))
}

/// What is said of a compiler that failed.
fn failure(status: ExitStatus, words: &str) -> String {
    if status.code() == Some(1) {
        return said::line(words.trim_start_matches("sluice: "));
    }
    format!(
        "the compiler ended with {status}; it may take {COMPILE_TIME:?} and {} MiB of memory",
        COMPILE_MEMORY_BYTES >> 20
    )
}

/// The other process: compiles what comes on standard input to standard output.
///
/// # Errors
/// What the compiler says.
pub fn main() -> anyhow::Result<()> {
    bound(Resource::Cpu, COMPILE_TIME.as_secs())?;
    bound(Resource::Data, COMPILE_MEMORY_BYTES)?;
    let mut component = Vec::new();
    let most = COMPONENT_MAX_BYTES as u64;
    io::stdin().take(most).read_to_end(&mut component)?;
    let compiled = engine(&Limits::default(), 1)
        .and_then(|engine| precompiled::compile(&engine, &component))
        .map_err(|error| anyhow::anyhow!("{error:#}"))?;
    io::stdout().write_all(&compiled)?;
    Ok(())
}

fn bound(resource: Resource, most: u64) -> io::Result<()> {
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    Ok(setrlimit(resource, limit)?)
}
