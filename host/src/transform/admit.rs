//! Admission: what an offered component must pass before it may see a record.

use std::time::{Duration, Instant};

use thiserror::Error;
use wasmtime::Engine;
use wasmtime::component::Component;

pub use super::bindings::exports::sluice::transform::rules::Description;
use super::limits::Limits;
use super::outcome::Transformed;
use super::release::{Offer, ReleaseId};
use super::said;
use super::sandbox::{Program, SandboxError, linker};
use super::schema::{self, SchemaError};
use crate::record::{Position, Slice};

/// A larger component is refused unread; the enrichment has a tenth of a MiB, a bundled interpreter
/// fits.
pub const COMPONENT_MAX_BYTES: usize = 10 << 20;

/// The contract's interfaces, less their minor version.
const LOG_INTERFACE: &str = "sluice:transform/log@1.";
const RULES_INTERFACE: &str = "sluice:transform/rules@1.";

/// A release that may serve.
pub struct Release {
    id: ReleaseId,
    offer: Offer,
    transform: String,
    version: String,
    contract: Option<String>,
    program: Program,
}

/// Why a component may not serve.
#[derive(Debug, Error)]
pub enum Refusal {
    /// Over [`COMPONENT_MAX_BYTES`].
    #[error("size: the component has {0} bytes, at most {COMPONENT_MAX_BYTES} are taken")]
    Size(usize),
    /// A plain WebAssembly module.
    #[error(
        "compile: a core WebAssembly module, not a component; build it with `cargo component build` \
         or wrap it with `sluice transform wrap`"
    )]
    CoreModule,
    /// Another file by mistake.
    #[error("compile: no WebAssembly: a component begins with the bytes 00 61 73 6d")]
    NoWebAssembly,
    /// Damaged, or in need of a proposal that is off.
    #[error("compile: {}", said::line(&format!("{:#}", .0)))]
    Compile(wasmtime::Error),
    /// It wants something that the contract does not give.
    #[error(
        "imports: the component imports `{}`; a transform may import only `sluice:transform/log` \
         (build for wasm32-unknown-unknown, which brings no WASI)",
        said::line(.0)
    )]
    Import(String),
    /// It does not export the contract.
    #[error("world: {}", said::line(.0))]
    World(String),
    /// `describe` failed.
    #[error("describe: {0}")]
    Describe(SandboxError),
    /// The configuration does not pass the component's own schema, or that schema is unusable.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// `configure` failed or refused the configuration.
    #[error("configure: {0}")]
    Configure(SandboxError),
}

impl Refusal {
    /// The step that was failed, the first word of what is said of it.
    #[must_use]
    pub fn step(&self) -> &'static str {
        match self {
            Self::Size(_) => "size",
            Self::CoreModule | Self::NoWebAssembly | Self::Compile(_) => "compile",
            Self::Import(_) => "imports",
            Self::World(_) => "world",
            Self::Describe(_) => "describe",
            Self::Schema(SchemaError::TransformConfig(_)) => "transform_config",
            Self::Schema(_) => "schema",
            Self::Configure(_) => "configure",
        }
    }
}

/// Checks an offer step by step: size, compilation, imports, world, `describe`, its
/// schema, the configuration by that schema, `configure`.
///
/// # Errors
/// The first step that it fails, and why.
pub fn admit(engine: &Engine, offer: &Offer, limits: &Limits) -> Result<Release, Refusal> {
    let component = compile(engine, offer.component())?;
    admit_compiled(engine, &component, offer, limits)
}

/// As [`admit`], of a component that is compiled.
///
/// # Errors
/// The first step that it fails, and why.
pub fn admit_compiled(
    engine: &Engine,
    component: &Component,
    offer: &Offer,
    limits: &Limits,
) -> Result<Release, Refusal> {
    let (program, description) = described(engine, component, offer, limits)?;
    schema::check(&description.config_schema, offer.transform_config())?;
    program
        .check_transform_config()
        .map_err(Refusal::Configure)?;
    let ty = component.component_type();
    let exports = ty.exports(engine).map(|(name, _)| name);
    Ok(Release {
        id: offer.manifest().id(),
        offer: offer.clone(),
        transform: said::line(&description.name),
        version: said::line(&description.version),
        contract: contract_version(exports),
        program,
    })
}

/// What a component says of itself, also where it refuses the configuration of the offer; the step of
/// admission before the configuration is checked.
///
/// # Errors
/// The first step that it fails, and why.
pub fn describe(
    engine: &Engine,
    component: &Component,
    offer: &Offer,
    limits: &Limits,
) -> Result<Description, Refusal> {
    described(engine, component, offer, limits).map(|(_, description)| description)
}

fn described(
    engine: &Engine,
    component: &Component,
    offer: &Offer,
    limits: &Limits,
) -> Result<(Program, Description), Refusal> {
    check_imports(engine, component)?;
    let program = link(engine, component, offer, limits)?;
    let description = program.describe().map_err(|error| match error {
        SandboxError::Contract(error) => Refusal::World(format!("{error:#}")),
        error => Refusal::Describe(error),
    })?;
    Ok((program, description))
}

/// Compiles a component for `engine`, the step of admission before its imports are looked at.
///
/// # Errors
/// As [`check_form`], and [`Refusal::Compile`].
pub fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, Refusal> {
    check_form(bytes)?;
    Component::from_binary(engine, bytes).map_err(Refusal::Compile)
}

/// Checks what can be seen before anything is compiled.
///
/// # Errors
/// [`Refusal::Size`], [`Refusal::NoWebAssembly`] and [`Refusal::CoreModule`]
pub fn check_form(bytes: &[u8]) -> Result<(), Refusal> {
    /// The magic number and version of a core module, "WebAssembly Core Specification", 5.5.16.
    const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
    if bytes.len() > COMPONENT_MAX_BYTES {
        return Err(Refusal::Size(bytes.len()));
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(Refusal::NoWebAssembly);
    }
    if bytes.starts_with(CORE_MODULE) {
        return Err(Refusal::CoreModule);
    }
    Ok(())
}

fn check_imports(engine: &Engine, component: &Component) -> Result<(), Refusal> {
    let ty = component.component_type();
    let foreign = ty
        .imports(engine)
        .find(|(name, _)| !name.starts_with(LOG_INTERFACE))
        .map(|(name, _)| name.to_owned());
    foreign.map_or(Ok(()), |name| Err(Refusal::Import(name)))
}

fn link(
    engine: &Engine,
    component: &Component,
    offer: &Offer,
    limits: &Limits,
) -> Result<Program, Refusal> {
    let world = |error: wasmtime::Error| Refusal::World(format!("{error:#}"));
    let ty = component.component_type();
    let exports: Vec<_> = ty.exports(engine).map(|(name, _)| name).collect();
    if !exports.iter().any(|name| name.starts_with(RULES_INTERFACE)) {
        return Err(Refusal::World(format!(
            "the component does not export `{RULES_INTERFACE}x`; it exports {exports:?}"
        )));
    }
    let pre = linker(engine)
        .and_then(|linker| linker.instantiate_pre(component))
        .map_err(world)?;
    Program::new(pre, offer.transform_config().to_owned(), limits.clone()).map_err(world)
}

/// The version in the name of the first interface of the contract: `1.0.0` of
/// `sluice:transform/rules@1.0.0`, which a core module follows with `#` and a function.
#[must_use]
pub fn contract_version<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let version = |name: &str| {
        let (_, version) = name.strip_prefix("sluice:transform/")?.split_once('@')?;
        let end = version.find(['#', ' ']).unwrap_or(version.len());
        Some(version[..end].to_owned())
    };
    names.into_iter().find_map(version)
}

impl Release {
    /// What names the release in ledgers, object keys and messages.
    #[must_use]
    pub fn id(&self) -> ReleaseId {
        self.id
    }

    /// What it was admitted from.
    #[must_use]
    pub fn offer(&self) -> &Offer {
        &self.offer
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

    /// Whether the component has the quick way in.
    #[must_use]
    pub fn has_slice(&self) -> bool {
        self.program.has_slice()
    }

    /// Transforms a slice; see [`Program::run`].
    ///
    /// # Errors
    /// Only what is wrong with the release as a whole.
    pub fn run(&self, slice: &Slice, condemned: &[Position]) -> Result<Transformed, SandboxError> {
        self.program.run(slice, condemned, None)
    }

    /// Transforms a slice for somebody who does not wait longer than this; `None` where it takes longer.
    ///
    /// # Errors
    /// Only what is wrong with the release as a whole.
    pub fn try_run(
        &self,
        slice: &Slice,
        timeout: Duration,
    ) -> Result<Option<Transformed>, SandboxError> {
        match self.program.run(slice, &[], Some(Instant::now() + timeout)) {
            Ok(transformed) => Ok(Some(transformed)),
            Err(SandboxError::Late) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The component with its configuration, for the ways to run it that only its author wants.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_contract_is_in_the_names() {
        let names = ["memory", "sluice:transform/rules@1.2.0#configure"];
        assert_eq!(contract_version(names).as_deref(), Some("1.2.0"));
        let names = ["sluice:transform/log@1.0.0 log"];
        assert_eq!(contract_version(names).as_deref(), Some("1.0.0"));
        assert_eq!(contract_version(["wasi:cli/run@0.2.0"]), None);
    }
}
