//! The engine that rules run in, and the components that are compiled for it.

use std::collections::VecDeque;

use sluice_engine::digest::Digest;
use sluice_engine::limits::Limits;
use sluice_engine::precompiled;
use sluice_release::admission;
use sluice_release::admission::{AdmissionError, Release};
use sluice_release::bundle::ReleaseBundle;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::tools::author::component;

/// How many components stay compiled: those of the rules that are tried, of rules that they are compared with, and of
/// the ones before.
const KEPT: usize = 4;

/// An engine, which is kept between rounds, and the components of the last rounds: often only a configuration has
/// changed.
pub(crate) struct Sandbox {
    pub(crate) engine: Engine,
    /// The latest used one last.
    compiled: VecDeque<(Digest, Component)>,
}

impl Sandbox {
    /// A sandbox without components.
    ///
    /// # Errors
    /// The machine cannot reserve the address space.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            engine: component::engine(1)?,
            compiled: VecDeque::new(),
        })
    }

    /// Validates rules as a run does, with the default limits.
    ///
    /// # Errors
    /// The first step of admission that fails.
    pub(crate) fn validate(&mut self, bundle: &ReleaseBundle) -> Result<Release, AdmissionError> {
        let compiled = self.component(bundle)?;
        admission::validate_compiled(&self.engine, &compiled, bundle, &Limits::default())
    }

    /// The compiled component of a bundle.
    ///
    /// # Errors
    /// It cannot be compiled.
    pub(crate) fn component(
        &mut self,
        bundle: &ReleaseBundle,
    ) -> Result<Component, AdmissionError> {
        let digest = bundle.manifest().component;
        let known = self.compiled.iter().position(|(known, _)| *known == digest);
        let compiled = match known.and_then(|at| self.compiled.remove(at)) {
            Some((_, compiled)) => compiled,
            None => self.compile(bundle.component())?,
        };
        self.compiled.push_back((digest, compiled.clone()));
        let excess = self.compiled.len().saturating_sub(KEPT);
        self.compiled.drain(..excess);
        Ok(compiled)
    }

    fn compile(&self, bytes: &[u8]) -> Result<Component, AdmissionError> {
        let folder = precompiled::next_to_the_program(bytes);
        let loaded = folder.and_then(|folder| precompiled::load(&self.engine, &folder, bytes));
        loaded.map_or_else(|| admission::compile(&self.engine, bytes), Ok)
    }
}
