//! Builds the built-in transforms, which are part of the program: compiles their packages for
//! wasm32-unknown-unknown and makes a component of each.

#![allow(
    clippy::print_stdout,
    reason = "cargo reads what a build script prints"
)]

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wit_component::ComponentEncoder;

const TARGET: &str = "wasm32-unknown-unknown";

/// The built-in transforms: the name of the component's file, and the package that it is built from.
const GUESTS: [(&str, &str); 3] = [
    ("enrich", "guest-enrich"),
    ("jq", "guest-jq"),
    ("copy", "guest-copy"),
];

/// An instance that starts with this memory need not grow it in each batch.
const GUEST_MEMORY_BYTES: usize = 4 << 20;
/// The stack is before the data and grows down, away from it, so that what is used of both is close together. It ends at
/// address 0, below which there is nothing: an overflow is a trap. It is larger than what fits into the host's limit of
/// the native stack, so that an endless recursion reaches that limit first, which has a message of its own.
const GUEST_STACK_BYTES: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let host = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = host.parent().ok_or("the host has no workspace above it")?;
    for input in [
        "guest-enrich/src",
        "guest-enrich/Cargo.toml",
        "host/crates/json-scan",
        "host/crates/transform",
        "host/guests",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let folder = build_guests(root, &out)?;
    for (name, package) in GUESTS {
        let module = folder.join(package.replace('-', "_") + ".wasm");
        let component = ComponentEncoder::default()
            .validate(true)
            .module(&fs::read(module)?)?
            .encode()?;
        fs::write(out.join(name).with_extension("wasm"), component)?;
    }
    Ok(())
}

/// Builds all guests in one call, and returns the folder of their modules. Builds in `target/guest`,
/// because the outer build holds the lock of its own folder. All builds of guests share this folder.
fn build_guests(root: &Path, out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    // "Build scripts": OUT_DIR is TARGET_DIR/PROFILE/build/PACKAGE-HASH/out.
    let target_dir = out
        .ancestors()
        .nth(4)
        .ok_or("OUT_DIR is not in a target folder")?;
    let target_dir = target_dir.join("guest");
    let home = env::var("CARGO_HOME").or_else(|_| env::var("HOME").map(|home| home + "/.cargo"))?;
    // Paths of this machine stay out of the component, so that its digest does not depend on them.
    let flags = [
        "-Ctarget-feature=+simd128".to_owned(),
        format!("-Clink-arg=--initial-memory={GUEST_MEMORY_BYTES}"),
        format!("-Clink-arg=-zstack-size={GUEST_STACK_BYTES}"),
        "-Clink-arg=--stack-first".to_owned(),
        format!("--remap-path-prefix={home}=cargo"),
        format!("--remap-path-prefix={}=sluice", root.display()),
    ];
    let status = Command::new(env::var("CARGO")?)
        .args(["build", "--profile", "guest"])
        .args(
            GUESTS
                .iter()
                .flat_map(|(_, package)| ["--package", package]),
        )
        .args(["--lib", "--target", TARGET, "--target-dir"])
        .arg(&target_dir)
        .current_dir(root)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTC_WRAPPER")
        .status()?;
    if !status.success() {
        return Err(format!(
            "the built-in transforms do not build for {TARGET} (see above); if the target is missing: \
             rustup target add {TARGET}"
        )
        .into());
    }
    Ok(target_dir.join(TARGET).join("guest"))
}
