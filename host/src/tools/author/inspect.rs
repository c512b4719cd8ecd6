//! `sluice transform inspect`: what a component is, and whether it would be admitted.

use std::fmt;
use std::io;

use clap::{ArgAction, Args};
use indicatif::HumanCount;
use serde::Serialize;
use serde_json::Value;
use sluice_engine::bindings::exports::sluice::transform::rules;
use sluice_engine::digest::Digest;
use sluice_engine::limits::Limits;
use sluice_engine::sandbox::Calls;
use sluice_release::admission;
use sluice_release::admission::{AdmissionError, contract_version};
use sluice_release::bundle::ReleaseBundle;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::{component, module_names, program_text};

use crate::config::{ConfigError, TransformChoice, TransformSource};
use crate::output;

/// Which component to inspect.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The component: a file, `builtin:enrich`, `builtin:jq` or `builtin:copy`. A file `NAME.jq` is a jq program.
    /// [default: builtin:enrich]
    pub file: Option<TransformSource>,
    /// Use `builtin:jq` with this program, or with the program in this file.
    #[arg(long, value_name = "PROGRAM|FILE", conflicts_with = "file")]
    pub jq: Option<String>,
    /// Set the transform configuration: a JSON object, or a file that holds one.
    #[arg(long, value_name = "JSON|FILE", default_value = "{}")]
    pub transform_config: String,
    /// Print one JSON object, for scripts.
    #[arg(long, action = ArgAction::SetTrue)]
    pub json: bool,
}

/// Prints a report on the component.
///
/// # Errors
/// A file that cannot be read, and a component that fails admission.
pub fn inspect(args: &InspectArgs) -> anyhow::Result<()> {
    let config = &args.transform_config;
    let transform = TransformChoice::new(args.file.clone(), args.jq.as_deref(), config)?;
    let bundle = transform.bundle()?;
    let report = Report::of(&component::engine(1)?, &bundle, &transform)?;
    if args.json {
        output::line(serde_json::to_string(&report)?)?;
    } else {
        output::text(&report)?;
    }
    let Some(why) = report.admission_error else {
        return Ok(());
    };
    let mut fails = format!("{} fails admission at step {}", report.file, why.step);
    if why.is_of_config {
        let advice = component::advice_on(&transform, "--transform-config");
        fails = format!("{fails}; {advice}");
    }
    if !why.is_of_rules {
        anyhow::bail!(fails);
    }
    Err(ConfigError::new(why.setting, fails).into())
}

/// The report on a file.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    bytes: usize,
    sha256: Digest,
    kind: Format,
    imports: Vec<String>,
    exports: Vec<String>,
    /// The version of the contract that it was built against.
    contract: Option<String>,
    /// The interfaces that it can be called by, in the order in which the host chooses one.
    calls: Vec<&'static str>,
    description: Option<Description>,
    /// The lines of the jq program, if the configuration has one.
    program: Vec<String>,
    admitted: bool,
    admission_error: Option<FailedStep>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    Component,
    CoreModule,
    /// Neither, or a damaged file.
    Other,
}

/// The component's description of itself.
#[derive(Debug, Serialize)]
struct Description {
    name: String,
    version: String,
    summary: String,
    /// The schema; a string if it is not JSON.
    config_schema: Value,
}

/// The step of admission that fails, and why.
#[derive(Debug, Serialize)]
struct FailedStep {
    step: String,
    reason: String,
    /// Whether another configuration can be admitted.
    #[serde(skip)]
    is_of_config: bool,
    /// Whether the component or its configuration is at fault, not the machine.
    #[serde(skip)]
    is_of_rules: bool,
    /// The setting that is wrong.
    #[serde(skip)]
    setting: &'static str,
}

impl Report {
    fn of(
        engine: &Engine,
        bundle: &ReleaseBundle,
        transform: &TransformChoice,
    ) -> io::Result<Self> {
        let bytes = bundle.component();
        let mut report = Self {
            file: transform.name(),
            bytes: bytes.len(),
            sha256: Digest::of(bytes),
            kind: Format::Other,
            imports: Vec::new(),
            exports: Vec::new(),
            contract: None,
            calls: Vec::new(),
            description: None,
            program: program_text::lines(bundle.transform_config()),
            admitted: false,
            admission_error: None,
        };
        let error = match component::compile(engine, bundle)? {
            Ok(component) => report.read_component(engine, &component, bundle),
            Err(error) => {
                report.read_not_compiled(bytes, &error);
                Some(error)
            }
        };
        report.admitted = error.is_none();
        report.admission_error = error.map(|error| FailedStep::of(transform, &error));
        Ok(report)
    }

    fn read_component(
        &mut self,
        engine: &Engine,
        compiled: &Component,
        bundle: &ReleaseBundle,
    ) -> Option<AdmissionError> {
        let ty = compiled.component_type();
        self.kind = Format::Component;
        self.imports = ty
            .imports(engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        self.exports = ty
            .exports(engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        self.contract =
            contract_version(self.exports.iter().chain(&self.imports).map(String::as_str));
        let limits = Limits::default();
        let described = admission::describe(engine, compiled, bundle, &limits);
        self.description = described.ok().map(Description::from);
        let admitted = admission::validate_compiled(engine, compiled, bundle, &limits);
        let calls = match &admitted {
            Ok(release) => release.calls(),
            Err(_) => self.calls_by_name(),
        };
        self.calls = calls.names();
        admitted.err()
    }

    /// What the component can be called by if its functions have the types of the contract.
    fn calls_by_name(&self) -> Calls {
        let exports = |interface| {
            self.exports
                .iter()
                .any(|name| is_interface(name, interface))
        };
        Calls {
            records: exports("records"),
            batch: exports("batch"),
            fields: exports("fields"),
        }
    }

    /// What is known without compiling it: a compiler process has limits, and this process has not.
    fn read_not_compiled(&mut self, bytes: &[u8], error: &AdmissionError) {
        match error {
            AdmissionError::CoreModule => self.kind = Format::CoreModule,
            AdmissionError::Compile(_) if bytes.starts_with(COMPONENT) => {
                self.kind = Format::Component;
                return;
            }
            _ => return,
        }
        // Of a damaged module, nothing is listed.
        if let Ok(names) = module_names::of(bytes) {
            self.imports = names.imports;
            self.exports = names.exports;
        }
        self.contract =
            contract_version(self.exports.iter().chain(&self.imports).map(String::as_str));
    }
}

/// The magic number and version of a component.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

fn is_interface(name: &str, interface: &str) -> bool {
    let rest = name.strip_prefix("sluice:transform/");
    rest.and_then(|rest| rest.strip_prefix(interface))
        .is_some_and(|rest| rest.starts_with('@'))
}

impl From<rules::Description> for Description {
    fn from(description: rules::Description) -> Self {
        let schema = serde_json::from_str(&description.config_schema);
        Self {
            name: description.name,
            version: description.version,
            summary: description.summary,
            config_schema: schema.unwrap_or(Value::String(description.config_schema)),
        }
    }
}

impl FailedStep {
    /// The message of an admission error begins with its step.
    fn of(transform: &TransformChoice, error: &AdmissionError) -> Self {
        let text = error.to_string();
        let (step, reason) = text.split_once(": ").unwrap_or(("admission", &text));
        Self {
            step: step.to_owned(),
            reason: reason.to_owned(),
            is_of_config: component::rejects_config(error),
            is_of_rules: error.is_of_rules(),
            setting: component::setting_of(transform, error),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Format::Component => "a component",
            Format::CoreModule => "a core module, not a component",
            Format::Other => "neither a component nor a core module",
        };
        writeln!(f, "{}", self.file)?;
        line(f, "kind", kind)?;
        line(
            f,
            "size",
            &format!("{} bytes", HumanCount(self.bytes as u64)),
        )?;
        line(f, "sha256", &self.sha256.to_string())?;
        list(f, "imports", &self.imports)?;
        list(f, "exports", &self.exports)?;
        line(f, "contract", self.contract.as_deref().unwrap_or("none"))?;
        if let Some(description) = &self.description {
            line(
                f,
                "name",
                &format!("{} {}", description.name, description.version),
            )?;
            line(f, "summary", &description.summary)?;
            let schema = format!("{:#}", description.config_schema);
            list(f, "schema", schema.lines())?;
        }
        if !self.program.is_empty() {
            list(f, "program", &self.program)?;
        }
        let calls = match &*self.calls {
            [] => "none".to_owned(),
            calls => calls.join(", "),
        };
        line(f, "calls", &calls)?;
        match &self.admission_error {
            None => line(f, "admitted", "yes"),
            Some(why) => line(f, "admitted", &format!("no: {}: {}", why.step, why.reason)),
        }
    }
}

/// One line of the report. Control characters are escaped, so that a component cannot control the terminal.
fn line(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    write!(f, "  {name:<10}")?;
    for c in value.chars() {
        if c.is_control() {
            write!(f, "{}", c.escape_default())?;
        } else {
            write!(f, "{c}")?;
        }
    }
    writeln!(f)
}

fn list<T: AsRef<str>>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    values: impl IntoIterator<Item = T>,
) -> fmt::Result {
    let mut name = Some(name);
    for value in values {
        line(f, name.take().unwrap_or_default(), value.as_ref())?;
    }
    name.map_or(Ok(()), |name| line(f, name, "none"))
}
