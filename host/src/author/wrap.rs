//! `sluice transform wrap`: makes a component of a core module that plain cargo has built.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use wit_component::ComponentEncoder;

/// What to wrap.
#[derive(Debug, Args)]
pub struct WrapArgs {
    /// The core module that `cargo build --target wasm32-unknown-unknown` made.
    pub module: PathBuf,
    /// Write the component to this file.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Wraps a core module into the component that its custom sections describe.
///
/// # Errors
/// What cannot be read or written, a file that is a component already, and a module that describes no
/// interfaces or does not implement them.
pub fn wrap(args: &WrapArgs) -> anyhow::Result<()> {
    let path = args.module.display();
    let module = fs::read(&args.module).with_context(|| format!("cannot read {path}"))?;
    let component = component(&module).with_context(|| format!("cannot wrap {path}"))?;
    fs::write(&args.out, component).with_context(|| format!("cannot write {}", args.out.display()))
}

fn component(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    /// The magic number and the layer of a component, "Component Model", binary format.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    anyhow::ensure!(
        module.starts_with(b"\0asm"),
        "it is not a WebAssembly module"
    );
    anyhow::ensure!(!module.starts_with(COMPONENT), "it is a component already");
    let described = module.windows(SECTION.len()).any(|bytes| bytes == SECTION);
    anyhow::ensure!(
        described,
        "it has no component metadata; generate its bindings with wit-bindgen from the contract's WIT \
         files"
    );
    ComponentEncoder::default()
        .validate(true)
        .module(module)?
        .encode()
}

/// The prefix of the custom sections with component metadata.
const SECTION: &[u8] = b"component-type";
