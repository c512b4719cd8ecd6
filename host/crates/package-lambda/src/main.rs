//! `make lambda`: packs a folder with a function's program, `bootstrap`, into a zip, and checks
//! whether Lambda can run the program. The same files give the same zip.
//!
//! ```text
//! package-lambda ZIP FOLDER
//! ```

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool of the build may panic if nobody reads what it prints"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use indicatif::HumanBytes;
use object::{Architecture, Object as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The program that Lambda starts.
const PROGRAM: &str = "bootstrap";

/// The version of glibc in `provided.al2023`.
const GLIBC: (u32, u32) = (2, 34);

/// "Lambda quotas": a package of more than 50 MB cannot be uploaded directly, and one of more than
/// 250 MB unpacked cannot run.
const ZIP_MAX_BYTES: u64 = 50_000_000;
const UNPACKED_MAX_BYTES: u64 = 250_000_000;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [zip, folder] = args.as_slice() else {
        eprintln!("usage: package-lambda ZIP FOLDER");
        return ExitCode::from(2);
    };
    match package(zip, Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("package-lambda: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn package(zip: &str, folder: &Path) -> anyhow::Result<()> {
    let program = folder.join(PROGRAM);
    let content = fs::read(&program).with_context(|| program.display().to_string())?;
    let (architecture, glibc) = check(&content).with_context(|| program.display().to_string())?;
    let mut unpacked = 0;
    let mut package = ZipWriter::new(File::create(zip).with_context(|| zip.to_owned())?);
    for path in files(folder)? {
        let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
        let content = fs::read(&path).with_context(|| path.display().to_string())?;
        unpacked += content.len() as u64;
        let mode = if name == PROGRAM { 0o755 } else { 0o644 };
        add(&mut package, &name, &content, mode)?;
    }
    package.finish()?;
    let packed = fs::metadata(zip)?.len();
    ensure!(
        unpacked <= UNPACKED_MAX_BYTES,
        "unpacked it has {unpacked} bytes, Lambda takes 250 MB"
    );
    let (packed_size, unpacked) = (HumanBytes(packed), HumanBytes(unpacked));
    println!(
        "{zip}: {packed_size} for {architecture}, {unpacked} unpacked, wants glibc {}.{} \
         (provided.al2023 has {}.{})",
        glibc.0, glibc.1, GLIBC.0, GLIBC.1
    );
    if packed > ZIP_MAX_BYTES {
        println!("it is over 50 MB: upload it by way of S3");
    }
    Ok(())
}

/// All files below a folder, sorted.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn add(package: &mut ZipWriter<File>, name: &str, content: &[u8], mode: u32) -> anyhow::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(mode);
    package.start_file(name, options)?;
    Ok(std::io::Write::write_all(package, content)?)
}

/// The architecture in Lambda's words, and the newest version of glibc that the program needs.
fn check(program: &[u8]) -> anyhow::Result<(&'static str, (u32, u32))> {
    let elf = object::File::parse(program).context("not a program for Linux")?;
    let architecture = match elf.architecture() {
        Architecture::X86_64 => "x86_64",
        Architecture::Aarch64 => "arm64",
        other => bail!("Lambda has no {other:?}"),
    };
    let newest = versions(program).max().unwrap_or_default();
    ensure!(
        newest <= GLIBC,
        "it wants glibc {}.{}, and provided.al2023 has 2.34: build it on a system with an older one",
        newest.0,
        newest.1
    );
    Ok((architecture, newest))
}

/// The versions of glibc that the program names: `GLIBC_2.34` in its table of strings. The same
/// text elsewhere could only make the check stricter.
fn versions(program: &[u8]) -> impl Iterator<Item = (u32, u32)> {
    const NAME: &[u8] = b"GLIBC_";
    let starts = memchr::memmem::find_iter(program, NAME);
    starts.filter_map(|start| {
        let rest = &program[start + NAME.len()..];
        let end = rest.iter().position(|b| !matches!(b, b'0'..=b'9' | b'.'))?;
        let mut parts = std::str::from_utf8(&rest[..end]).ok()?.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    })
}
