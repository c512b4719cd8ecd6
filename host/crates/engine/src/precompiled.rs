//! Components that are compiled ahead of time, for a quick start.
//!
//! Compiled code is machine code: its author can do everything that the program can do. It is loaded only
//! from the deployment package, from a folder [next to the program](load_next_to_the_program) that only its
//! owner can write to, and from a [process of the same program](super::compiler_process). The component is
//! validated in each case. Code for another engine version or configuration is not loaded.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::digest::Digest;
use crate::runtime::Allocation;

/// The name of a folder with components compiled ahead of time.
pub const FOLDER: &str = "precompiled";

/// Bits of a file's mode that let its group or everybody write.
const OTHERS_MAY_WRITE: u32 = 0o022;

/// The [folder](FOLDER) next to the program's file, if the folder and the file of `component` in it belong
/// to the owner of the program and only that user can write to them. That user can change the program
/// anyway.
#[must_use]
pub fn next_to_the_program(component: &[u8]) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?.join(FOLDER);
    let owner = fs::metadata(&program).ok()?.uid();
    let file = path(&folder, component);
    (is_owned_by(owner, &folder) && is_owned_by(owner, &file)).then_some(folder)
}

/// Loads a compiled component from the folder next to the program's file, if only the owner of the program can write to
/// it, and if the component is there and was compiled for this engine.
#[must_use]
pub fn load_next_to_the_program(engine: &Engine, component: &[u8]) -> Option<Component> {
    let folder = next_to_the_program(component)?;
    load(engine, &folder, component)
}

fn is_owned_by(owner: u32, path: &Path) -> bool {
    fs::symlink_metadata(path)
        .is_ok_and(|found| found.uid() == owner && found.mode() & OTHERS_MAY_WRITE == 0)
}

/// The file of a compiled component.
#[must_use]
pub fn path(folder: &Path, component: &[u8]) -> PathBuf {
    folder.join(format!("{}.cwasm", Digest::of(component)))
}

/// Compiles a component to machine code.
///
/// # Errors
/// The compiler's error.
pub fn compile(engine: &Engine, component: &[u8]) -> wasmtime::Result<Vec<u8>> {
    engine.precompile_component(component)
}

/// Loads a compiled component from `folder`, if it is there and was compiled for this engine. The folder
/// must be part of the deployment package or [next to the program](load_next_to_the_program).
#[must_use]
pub fn load(engine: &Engine, folder: &Path, component: &[u8]) -> Option<Component> {
    let path = path(folder, component);
    if !path.exists() {
        return None;
    }
    #[allow(
        unsafe_code,
        reason = "the file came with this program: who could have changed the one could have changed \
                  the other"
    )]
    // SAFETY: the file was made by `compile` when the program was installed or its package made (which Lambda
    // mounts read-only), in a file and a folder that only the program's owner can write to. The engine checks
    // version and settings.
    let loaded = unsafe { Component::deserialize_file(engine, &path) };
    match loaded {
        Ok(component) => Some(component),
        Err(error) => {
            let path = path.display();
            let error = format!("{error:#}");
            // Instances on demand need other code, and a warning said so.
            match Allocation::of(engine) {
                Allocation::OnDemand => {
                    tracing::debug!(%path, error, "compiling the component instead");
                }
                Allocation::Pooling => tracing::warn!(
                    %path,
                    error,
                    "the precompiled component does not fit this program; compiling the component instead"
                ),
            }
            None
        }
    }
}

/// Loads a component that a process of the same program has compiled.
///
/// # Errors
/// It was compiled for another engine.
pub(super) fn deserialize(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    #[allow(
        unsafe_code,
        reason = "the bytes came through a pipe from a process that this program started from its own \
                  file"
    )]
    // SAFETY: `compiler_process` is the only caller. It reads what `compile` wrote in a process of the same
    // program, through a pipe that no other process has. The engine checks version and settings.
    unsafe {
        Component::deserialize(engine, compiled)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_folder_that_others_can_write_to_is_not_used() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join(FOLDER);
        fs::create_dir(&folder).unwrap();
        let owner = fs::metadata(&folder).unwrap().uid();
        let with_mode = |mode| {
            set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            is_owned_by(owner, &folder)
        };
        assert!(with_mode(0o755));
        assert!(!with_mode(0o777));
        assert!(!with_mode(0o775));
        assert!(!is_owned_by(owner + 1, &folder));
        assert!(!is_owned_by(owner, &place.path().join("missing")));
        let link = place.path().join("link");
        symlink("/usr", &link).unwrap();
        assert!(!is_owned_by(owner, &link));
    }
}
