//! The built program, run in a folder of its own.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions, set_permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_engine::precompiled::FOLDER as PRECOMPILED;
use tempfile::TempDir;

/// The program and a folder, which is deleted when the test ends.
pub(crate) struct Place {
    folder: TempDir,
    /// A copy of the program in the folder.
    installed: Option<PathBuf>,
}

/// The program: the one that was built with the tests, unless `SLUICE_TEST_PROGRAM` names another
/// one.
pub(crate) fn program() -> PathBuf {
    let another = std::env::var_os("SLUICE_TEST_PROGRAM");
    another.map_or_else(|| env!("CARGO_BIN_EXE_sluice").into(), PathBuf::from)
}

/// The result of a run of the program.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            folder,
            installed: None,
        }
    }

    /// Puts a copy of the program into this folder, with the built-in transforms compiled ahead of time next to it, as
    /// `make build` does. From then on, the copy is what runs: a start with a jq program does not take seconds.
    pub(crate) fn install(&mut self) {
        let copy = self.path("sluice");
        if fs::hard_link(program(), &copy).is_err() {
            fs::copy(program(), &copy).unwrap();
        }
        self.installed = Some(copy);
        let precompile = ["transform", "precompile", PRECOMPILED];
        // While another test forks, its child has the copy open.
        let made = loop {
            match self.command(&precompile).output() {
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                    thread::sleep(Duration::from_millis(10));
                }
                ran => break Ran::from(ran.unwrap()).succeeded().stdout,
            }
        };
        // Only the owner can write to them, whatever the umask.
        set_permissions(self.path(PRECOMPILED), Permissions::from_mode(0o755)).unwrap();
        for file in made.lines() {
            set_permissions(self.path(file), Permissions::from_mode(0o644)).unwrap();
        }
    }

    /// Runs a program that was [installed](Self::install) in another folder, which must exist as long.
    pub(crate) fn use_program(&mut self, installed: PathBuf) {
        self.installed = Some(installed);
    }

    /// The program that runs in this folder.
    pub(crate) fn program(&self) -> PathBuf {
        self.installed.clone().unwrap_or_else(program)
    }

    /// Keeps the folder when the test ends.
    pub(crate) fn keep(&mut self) {
        self.folder.disable_cleanup(true);
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn lake(&self) -> PathBuf {
        self.path("lake")
    }

    pub(crate) fn bus(&self) -> PathBuf {
        self.path("bus")
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// [The program](program) in this folder, without settings from the environment of the test.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(self.program());
        command.args(args).current_dir(self.folder.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SLUICE_") {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// Runs to the end, and returns the peak memory of the program too, bytes.
    pub(crate) fn run_watched<S: AsRef<OsStr>>(&self, args: &[S]) -> (Ran, u64) {
        let (stdout, stderr) = (self.path("stdout"), self.path("stderr"));
        let mut command = self.command(args);
        command.stdout(File::create(&stdout).unwrap());
        command.stderr(File::create(&stderr).unwrap());
        let mut running = Running(command.spawn().unwrap());
        let (process, mut peak) = (running.0.id(), 0);
        let ran = Ran {
            code: running.ends_while(|| peak = peak.max(high_water(process))),
            stdout: fs::read_to_string(stdout).unwrap(),
            stderr: fs::read_to_string(stderr).unwrap(),
        };
        (ran, peak)
    }

    pub(crate) fn run_with_input(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        thread::scope(|scope| {
            // The program can end without reading everything.
            scope.spawn(move || drop(stdin.write_all(input)));
            child.wait_with_output().unwrap().into()
        })
    }

    /// `run` of `events.ndjson` into the lake and the bus of this folder, with more arguments;
    /// later ones override earlier ones.
    pub(crate) fn landing(more: &[&str]) -> Vec<String> {
        let has = |flag: &str| more.contains(&flag);
        let mut args = vec!["run"];
        for (flag, value) in [
            ("--source", "file:events.ndjson"),
            ("--lake", "file:lake"),
            ("--bus", "file:bus"),
            ("--summary", "json"),
        ] {
            if !has(flag) {
                args.extend([flag, value]);
            }
        }
        args.extend(more);
        args.into_iter().map(ToOwned::to_owned).collect()
    }

    pub(crate) fn try_land(&self, more: &[&str]) -> Ran {
        self.run(&Self::landing(more))
    }

    /// Lands `events.ndjson` and returns the summary.
    pub(crate) fn land(&self, more: &[&str]) -> Summary {
        self.try_land(more).summary()
    }

    /// `audit` of the lake of this folder with `events.ndjson`, and more arguments.
    pub(crate) fn audit(&self, more: &[&str]) -> Ran {
        let source = ["audit", "--source", "file:events.ndjson"];
        self.run(&[&source[..], &["--lake", "file:lake"], more].concat())
    }
}

/// Runs commands of a page of the documentation in the folder of a place, with the variables that a command of a test would have.
pub(crate) fn shell(place: &Place, usual: &Command, commands: &str) -> Ran {
    let program = program().into_os_string().into_string().unwrap();
    let script = format!("sluice() {{ '{program}' \"$@\"; }}\n{commands}");
    let mut shell = Command::new("sh");
    for (name, value) in usual.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
        .args(["-euc", &script])
        .current_dir(place.path(""))
        .stdin(Stdio::null());
    shell.output().unwrap().into()
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// Asserts the exit code, that standard error contains all `parts`, and that nothing panicked.
    pub(crate) fn failed(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in {self:#?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }

    pub(crate) fn summary(self) -> Summary {
        let ran = self.succeeded();
        let last = ran.stdout.lines().last().expect("a summary");
        Summary(serde_json::from_str(last).unwrap())
    }
}

/// The summary of a run, as JSON.
#[derive(Debug)]
pub(crate) struct Summary(pub(crate) Value);

impl Summary {
    pub(crate) fn count(&self, key: &str) -> u64 {
        self.0[key]
            .as_u64()
            .unwrap_or_else(|| panic!("{key}: {self:?}"))
    }

    pub(crate) fn counts<const N: usize>(&self, keys: [&str; N]) -> [u64; N] {
        keys.map(|key| self.count(key))
    }

    pub(crate) fn release(&self) -> &str {
        self.0["release"].as_str().unwrap()
    }
}

/// The timeout of everything that a program does.
const LONG: Duration = Duration::from_secs(120);

/// The peak memory of a process so far, bytes: `VmHWM` of `proc(5)`; 0 if there is none.
fn high_water(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() << 10
}

/// A process that is killed when the test ends.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone_already = self.0.kill();
        let _status = self.0.wait();
    }
}

impl Running {
    /// Waits until the process ends, and returns its exit code.
    pub(crate) fn ends(&mut self) -> Option<i32> {
        self.ends_while(|| ())
    }

    /// As [`ends`](Self::ends), and calls `look` repeatedly.
    fn ends_while(&mut self, mut look: impl FnMut()) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < LONG, "the program does not end");
            look();
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until `condition` holds while the process runs.
    pub(crate) fn until(&mut self, condition: impl Fn() -> bool) {
        let begun = Instant::now();
        while !condition() {
            let ended = self.0.try_wait().unwrap();
            assert!(ended.is_none(), "the program ended early: {ended:?}");
            assert!(begun.elapsed() < LONG, "no end in sight");
            thread::sleep(Duration::from_millis(5));
        }
    }
}
