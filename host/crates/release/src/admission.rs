//! Validates a component, step by step, before it may see a record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice_engine::bindings::exports::sluice::transform::rules::Description;
use sluice_engine::compiler_process::CANNOT_START;
use sluice_engine::limits::Limits;
use sluice_engine::outcome::{ResourceFault, Transformed};
use sluice_engine::precompiled;
use sluice_engine::record::Batch;
use sluice_engine::sandbox::{Calls, Program, SandboxError, linker};
use sluice_engine::sanitize::sanitize;
use sluice_engine::schema;
use sluice_engine::schema::SchemaError;
use thiserror::Error;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::bundle::{ReleaseBundle, ReleaseId};
use crate::interfaces;
pub use crate::interfaces::contract_version;
use crate::registry::RegistryError;
pub use sluice_engine::limits::COMPONENT_MAX_BYTES;

/// A release that has passed every step and may transform records.
pub struct Release {
    id: ReleaseId,
    bundle: ReleaseBundle,
    transform: String,
    version: String,
    contract: Option<String>,
    program: Program,
}

/// Why a release may not transform records.
#[derive(Clone, Debug, Error)]
pub enum AdmissionError {
    /// The release cannot be read from its registry.
    #[error("{step}: {0}", step = .0.step())]
    Registry(RegistryError),
    /// It is not signed with the configured key.
    #[error("signature: {0}")]
    Signature(String),
    /// Over [`COMPONENT_MAX_BYTES`].
    #[error("size: the component has {0} bytes, at most {COMPONENT_MAX_BYTES} are allowed")]
    Size(usize),
    /// A plain WebAssembly module.
    #[error(
        "compile: a core WebAssembly module, not a component; make a component of it with `sluice transform wrap`, \
         or build one with `cargo component build`"
    )]
    CoreModule,
    /// A file that is not WebAssembly.
    #[error("compile: not WebAssembly: a component begins with the bytes 00 61 73 6d")]
    NoWebAssembly,
    /// It is damaged, uses a WebAssembly proposal that is turned off, or exceeds the compiler's limits.
    #[error("compile: {0}")]
    Compile(String),
    /// It imports an interface that the contract does not provide.
    #[error(
        "imports: the component imports `{}`; a transform may import only `sluice:transform/log` \
         (build for wasm32-unknown-unknown, which brings no WASI)",
        sanitize(.0)
    )]
    Import(String),
    /// It does not export the contract.
    #[error("world: {}", sanitize(.0))]
    World(String),
    /// `describe` failed.
    #[error("describe: {0}")]
    Describe(Arc<SandboxError>),
    /// The configuration does not match the component's schema, or that schema is invalid.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// `configure` failed or rejected the configuration.
    #[error("configure: {0}")]
    Configure(Arc<SandboxError>),
    /// `declare` failed, or breaks the contract.
    #[error("declare: {0}")]
    Declare(Arc<SandboxError>),
    /// A golden case has another result than expected.
    #[error("cases: {0}")]
    Cases(String),
}

/// Not a `source`: its message is part of this one.
impl From<RegistryError> for AdmissionError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(error)
    }
}

impl AdmissionError {
    /// The step that failed, which is also the first word of the message: `fetch`, `size`, `digest`,
    /// `signature`, `compile`, `imports`, `world`, `describe`, `schema`, `transform_config`, `configure`, `declare`
    /// or `cases`.
    #[must_use]
    pub fn step(&self) -> &'static str {
        match self {
            Self::Registry(error) => error.step(),
            Self::Signature(_) => "signature",
            Self::Size(_) => "size",
            Self::CoreModule | Self::NoWebAssembly | Self::Compile(_) => "compile",
            Self::Import(_) => "imports",
            Self::World(_) => "world",
            Self::Describe(_) => "describe",
            Self::Schema(SchemaError::TransformConfig(_)) => "transform_config",
            Self::Schema(_) => "schema",
            Self::Configure(_) => "configure",
            Self::Declare(_) => "declare",
            Self::Cases(_) => "cases",
        }
    }

    /// Whether a retry can succeed: the registry could not be reached, so the release was not
    /// checked.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Registry(error) if error.is_transient())
    }

    /// Whether the component or its configuration is at fault, not the registry, a signature, a golden case or the
    /// machine. If a user gives such rules, this is wrong usage.
    #[must_use]
    pub fn is_of_rules(&self) -> bool {
        match self {
            Self::Registry(_) | Self::Signature(_) | Self::Cases(_) => false,
            Self::Compile(why) => !why.starts_with(CANNOT_START),
            _ => true,
        }
    }

    fn describe(error: SandboxError) -> Self {
        Self::Describe(Arc::new(error))
    }

    fn configure(error: SandboxError) -> Self {
        Self::Configure(Arc::new(error))
    }

    fn declare(error: SandboxError) -> Self {
        Self::Declare(Arc::new(error))
    }
}

/// Validates a bundle: size, compilation, imports, world, `describe`, its schema, the configuration against
/// that schema, `configure`, `declare`.
///
/// # Errors
/// The first step that fails.
pub fn validate(
    engine: &Engine,
    bundle: &ReleaseBundle,
    limits: &Limits,
) -> Result<Release, AdmissionError> {
    let component = compile(engine, bundle.component())?;
    validate_compiled(engine, &component, bundle, limits)
}

/// As [`validate`], for a component that is compiled already.
///
/// # Errors
/// The first step that fails.
pub fn validate_compiled(
    engine: &Engine,
    component: &Component,
    bundle: &ReleaseBundle,
    limits: &Limits,
) -> Result<Release, AdmissionError> {
    let (program, description) = instantiate_and_describe(engine, component, bundle, limits)?;
    schema::check(&description.config_schema, bundle.transform_config())?;
    program
        .check_transform_config()
        .map_err(AdmissionError::configure)?;
    program
        .check_declaration()
        .map_err(AdmissionError::declare)?;
    let ty = component.component_type();
    let exports = ty.exports(engine).map(|(name, _)| name);
    Ok(Release {
        id: bundle.manifest().id(),
        bundle: bundle.clone(),
        transform: sanitize(&description.name),
        version: sanitize(&description.version),
        contract: contract_version(exports),
        program,
    })
}

/// Returns a component's description, even if the bundle's configuration is invalid: runs the steps before
/// the configuration is checked.
///
/// # Errors
/// The first step that fails.
pub fn describe(
    engine: &Engine,
    component: &Component,
    bundle: &ReleaseBundle,
    limits: &Limits,
) -> Result<Description, AdmissionError> {
    instantiate_and_describe(engine, component, bundle, limits).map(|(_, description)| description)
}

fn instantiate_and_describe(
    engine: &Engine,
    component: &Component,
    bundle: &ReleaseBundle,
    limits: &Limits,
) -> Result<(Program, Description), AdmissionError> {
    if let Some(version) = interfaces::other_version(engine, component) {
        let why = format!(
            "the component is built for version {version} of the contract; this program runs version 1.x"
        );
        return Err(AdmissionError::World(why));
    }
    if let Some(name) = interfaces::foreign_import(engine, component) {
        return Err(AdmissionError::Import(name));
    }
    let program = link(engine, component, bundle, limits)?;
    let description = program.describe().map_err(|error| match error {
        SandboxError::Contract(error) => AdmissionError::World(format!("{error:#}")),
        error => AdmissionError::describe(error),
    })?;
    Ok((program, description))
}

/// Compiles a component for `engine`, unless it is
/// [precompiled next to the program](precompiled::load_next_to_the_program).
///
/// # Errors
/// As [`check_header`], and [`AdmissionError::Compile`].
pub fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, AdmissionError> {
    check_header(bytes)?;
    if let Some(component) = precompiled::load_next_to_the_program(engine, bytes) {
        return Ok(component);
    }
    Component::from_binary(engine, bytes)
        .map_err(|error| AdmissionError::Compile(sanitize(&format!("{error:#}"))))
}

/// Checks size and magic number, before anything is compiled.
///
/// # Errors
/// [`AdmissionError::Size`], [`AdmissionError::NoWebAssembly`] and [`AdmissionError::CoreModule`]
pub fn check_header(bytes: &[u8]) -> Result<(), AdmissionError> {
    /// The magic number and version of a core module, "WebAssembly Core Specification", 5.5.16.
    const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
    if bytes.len() > COMPONENT_MAX_BYTES {
        return Err(AdmissionError::Size(bytes.len()));
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(AdmissionError::NoWebAssembly);
    }
    if bytes.starts_with(CORE_MODULE) {
        return Err(AdmissionError::CoreModule);
    }
    Ok(())
}

fn link(
    engine: &Engine,
    component: &Component,
    bundle: &ReleaseBundle,
    limits: &Limits,
) -> Result<Program, AdmissionError> {
    let world = |error: wasmtime::Error| AdmissionError::World(format!("{error:#}"));
    let calls = interfaces::calls(engine, component).map_err(AdmissionError::World)?;
    let pre = linker(engine)
        .and_then(|linker| linker.instantiate_pre(component))
        .map_err(world)?;
    Program::new(
        pre,
        calls,
        bundle.transform_config().to_owned(),
        limits.clone(),
    )
    .map_err(world)
}

impl Release {
    /// The id in ledgers, object keys and messages.
    #[must_use]
    pub fn id(&self) -> ReleaseId {
        self.id
    }

    /// The bundle that it was validated from.
    #[must_use]
    pub fn bundle(&self) -> &ReleaseBundle {
        &self.bundle
    }

    /// The component's own name.
    #[must_use]
    pub fn transform(&self) -> &str {
        &self.transform
    }

    /// The component's own version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The component's own name and version, for people.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.transform, self.version)
    }

    /// The version of the contract that the component was built for.
    #[must_use]
    pub fn contract(&self) -> Option<&str> {
        self.contract.as_deref()
    }

    /// The same release with other limits.
    #[must_use]
    pub fn with_limits(&self, limits: Limits) -> Self {
        Self {
            id: self.id,
            bundle: self.bundle.clone(),
            transform: self.transform.clone(),
            version: self.version.clone(),
            contract: self.contract.clone(),
            program: self.program.with_limits(limits),
        }
    }

    /// The interfaces by which records can be given to the component.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.program.calls()
    }

    /// Transforms a batch; see [`Program::run`].
    ///
    /// # Errors
    /// A fault of the release as a whole, never one of a record.
    pub fn run(&self, batch: &Batch, known: &[ResourceFault]) -> Result<Transformed, SandboxError> {
        self.program.run(batch, known, None)
    }

    /// Transforms a batch within `time`; `None` if it takes longer.
    ///
    /// # Errors
    /// A fault of the release as a whole, never one of a record.
    pub fn try_run(
        &self,
        batch: &Batch,
        time: Duration,
    ) -> Result<Option<Transformed>, SandboxError> {
        match self.program.run(batch, &[], Some(Instant::now() + time)) {
            Ok(transformed) => Ok(Some(transformed)),
            Err(SandboxError::Late) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The component with its configuration, for tools that measure it or choose how it is called.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }
}
