//! Components compiled ahead of time, for a program that has to start quickly.
//!
//! Compiled code is machine code: whoever wrote it may do whatever the program may. So it is taken only
//! from the deployment package that the program itself came in, and from a process that the program
//! started from itself ([`apart`](super::apart)). The component still goes through admission, and code
//! of another version of the engine or of other settings is not taken.

use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::release::Digest;

/// Where the file of a component is in its folder.
#[must_use]
pub fn path(folder: &Path, component: &[u8]) -> PathBuf {
    folder.join(format!("{}.cwasm", Digest::of(component)))
}

/// Compiles a component.
///
/// # Errors
/// What the compiler says.
pub fn compile(engine: &Engine, component: &[u8]) -> wasmtime::Result<Vec<u8>> {
    engine.precompile_component(component)
}

/// The component of a file in `folder`, if it is there and was made by this engine. The folder has to
/// be a part of the deployment package.
#[must_use]
pub fn load(engine: &Engine, folder: &Path, component: &[u8]) -> Option<Component> {
    let path = path(folder, component);
    if !path.exists() {
        return None;
    }
    #[allow(
        unsafe_code,
        reason = "the file came in the package that this program came in: who could have changed the \
                  one could have changed the other"
    )]
    // SAFETY: the file was made by `compile` when the package was, and a package does not change while
    // it runs (Lambda mounts it read-only). The engine checks version and settings.
    let loaded = unsafe { Component::deserialize_file(engine, &path) };
    match loaded {
        Ok(component) => Some(component),
        Err(error) => {
            let path = path.display();
            tracing::warn!(%path, error = format!("{error:#}"), "compiling the component instead");
            None
        }
    }
}

/// The component that another process of this program has compiled, from the bytes that it wrote.
///
/// # Errors
/// They were made by another engine.
pub(super) fn take(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    #[allow(
        unsafe_code,
        reason = "the bytes came through a pipe from a process that this program started from its own \
                  file"
    )]
    // SAFETY: `apart` is the only caller. What it read was written by `compile` in a process of the same
    // program, which nobody else can write to. The engine checks version and settings.
    unsafe {
        Component::deserialize(engine, compiled)
    }
}
