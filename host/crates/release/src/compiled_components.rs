//! Compiled components, which releases with the same component share: to change a configuration alone, such as the
//! text of a jq program, nothing is compiled.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sluice_engine::digest::Digest;
use sluice_engine::{compiler_process, precompiled};
use tokio::sync::OnceCell;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::bundle::ReleaseBundle;

/// How many components are kept in memory although no release may use them any more, so that a rollback to another
/// component is quick. A component takes some megabytes of machine code.
const KEPT: usize = 4;

/// The components of one engine.
pub(crate) struct CompiledComponents {
    engine: Engine,
    /// A folder of a deployment package with components that are compiled ahead of time.
    precompiled: Option<PathBuf>,
    /// The latest used one last.
    recent: Mutex<VecDeque<Arc<Entry>>>,
}

/// A component that is compiled when it is first needed. Whoever needs it meanwhile waits for that.
struct Entry {
    digest: Digest,
    bytes: Arc<[u8]>,
    compiled: OnceCell<Component>,
}

impl CompiledComponents {
    /// No components yet.
    pub(crate) fn new(engine: Engine, precompiled: Option<PathBuf>) -> Self {
        Self {
            engine,
            precompiled,
            recent: Mutex::default(),
        }
    }

    /// The engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The compiled component of a bundle: from memory, from a file that was compiled ahead of time, or from a compiler
    /// process. Also returns the bundle, which now shares the bytes of the component with earlier ones.
    ///
    /// # Errors
    /// The compiler's error, or the limit that it exceeded.
    pub(crate) async fn get(
        &self,
        bundle: ReleaseBundle,
    ) -> Result<(Component, ReleaseBundle), String> {
        let entry = self.entry(&bundle);
        let compile = || self.compile(&entry.bytes);
        let component = entry.compiled.get_or_try_init(compile).await?;
        Ok((component.clone(), bundle.sharing(entry.bytes.clone())))
    }

    fn entry(&self, bundle: &ReleaseBundle) -> Arc<Entry> {
        let digest = bundle.manifest().component;
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let found = recent.iter().position(|entry| entry.digest == digest);
        let entry = found.and_then(|at| recent.remove(at)).unwrap_or_else(|| {
            Arc::new(Entry {
                digest,
                bytes: bundle.shared_component().clone(),
                compiled: OnceCell::new(),
            })
        });
        recent.push_back(entry.clone());
        let excess = recent.len().saturating_sub(KEPT);
        recent.drain(..excess);
        entry
    }

    async fn compile(&self, component: &[u8]) -> Result<Component, String> {
        let packed = self.precompiled.as_deref();
        let packed = packed.and_then(|folder| precompiled::load(&self.engine, folder, component));
        let loaded =
            packed.or_else(|| precompiled::load_next_to_the_program(&self.engine, component));
        match loaded {
            Some(component) => Ok(component),
            None => compiler_process::compile(&self.engine, component).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::runtime::engine;

    use super::*;

    fn bundle(component: &str, config: &str) -> ReleaseBundle {
        ReleaseBundle::new(component.into(), config).unwrap()
    }

    fn components() -> CompiledComponents {
        CompiledComponents::new(engine(1).unwrap(), None)
    }

    fn digests(components: &CompiledComponents) -> Vec<Digest> {
        let recent = components.recent.lock().unwrap();
        recent.iter().map(|entry| entry.digest).collect()
    }

    #[test]
    fn releases_with_the_same_component_share_an_entry() {
        let components = components();
        let entry = |config| components.entry(&bundle("a", config));
        let first = entry(r#"{"program":"."}"#);
        assert!(Arc::ptr_eq(&first, &entry(r#"{"program":"empty"}"#)));
        assert_eq!(digests(&components).len(), 1);
    }

    #[test]
    fn the_components_that_were_used_last_are_kept() {
        let components = components();
        let digest = |n: usize| Digest::of(n.to_string().as_bytes());
        for n in (0..KEPT).chain([0, KEPT]) {
            components.entry(&bundle(&n.to_string(), "{}"));
        }
        let mut expected: Vec<_> = (2..KEPT).map(digest).collect();
        expected.extend([digest(0), digest(KEPT)]);
        assert_eq!(digests(&components), expected);
    }
}
