//! The interfaces of the contract in the imports and exports of a component. Their names have the version of the contract.

use sluice_engine::sandbox::Calls;
use wasmtime::Engine;
use wasmtime::component::Component;

/// The contract's interfaces, without their minor version.
const LOG_INTERFACE: &str = "sluice:transform/log@1.";
const RULES_INTERFACE: &str = "sluice:transform/rules@1.";
const RECORDS_INTERFACE: &str = "sluice:transform/records@1.";
const BATCH_INTERFACE: &str = "sluice:transform/batch@1.";
const FIELDS_INTERFACE: &str = "sluice:transform/fields@1.";

/// The version of the contract, if a component is built for another major version. Without this, an import that it
/// lacks here would be the reason why it is not admitted.
pub(crate) fn other_version(engine: &Engine, component: &Component) -> Option<String> {
    let names = exports(engine, component);
    let names = || names.iter().map(String::as_str);
    if names().any(|name| name.starts_with(RULES_INTERFACE)) {
        return None;
    }
    contract_version(names()).filter(|version| !version.starts_with("1."))
}

/// The first import that the contract does not provide.
pub(crate) fn foreign_import(engine: &Engine, component: &Component) -> Option<String> {
    let ty = component.component_type();
    let mut names = ty.imports(engine).map(|(name, _)| name);
    let foreign = names.find(|name| !name.starts_with(LOG_INTERFACE));
    foreign.map(str::to_owned)
}

/// The interfaces by which records can be given to a component.
///
/// # Errors
/// It does not export the contract.
pub(crate) fn calls(engine: &Engine, component: &Component) -> Result<Calls, String> {
    let exports = exports(engine, component);
    let has = |interface: &str| exports.iter().any(|name| name.starts_with(interface));
    if !has(RULES_INTERFACE) {
        return Err(format!(
            "the component does not export `{RULES_INTERFACE}x`; it exports {exports:?}"
        ));
    }
    let calls = Calls {
        records: has(RECORDS_INTERFACE),
        batch: has(BATCH_INTERFACE),
        fields: has(FIELDS_INTERFACE),
    };
    if !calls.records && !calls.fields {
        return Err(format!(
            "the component exports neither `{RECORDS_INTERFACE}x` nor `{FIELDS_INTERFACE}x`; it exports {exports:?}"
        ));
    }
    Ok(calls)
}

fn exports(engine: &Engine, component: &Component) -> Vec<String> {
    let ty = component.component_type();
    let names = ty.exports(engine).map(|(name, _)| name.to_owned());
    names.collect()
}

/// The version in the name of the first interface of the contract: `1.0.0` of
/// `sluice:transform/rules@1.0.0`, to which a core module appends `#` and a function.
#[must_use]
pub fn contract_version<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let version = |name: &str| {
        let (_, version) = name.strip_prefix("sluice:transform/")?.split_once('@')?;
        let end = version.find(['#', ' ']).unwrap_or(version.len());
        Some(version[..end].to_owned())
    };
    names.into_iter().find_map(version)
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
