//! Components compiled ahead of time, for a program that has to start quickly.
//!
//! Compiled code is machine code: whoever wrote the file may do whatever the program may. So it is
//! taken only from the deployment package that the program itself came in, and from nowhere else. The
//! component still goes through admission, and a file of another version of the engine or of other
//! settings is not taken.

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
