//! The names that a core module imports and exports, read without compiling it.

use wasmparser::{BinaryReaderError, Parser, Payload};

/// What a core module imports and exports.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ModuleNames {
    /// The module and the name of each import.
    pub(super) imports: Vec<String>,
    /// The name of each export.
    pub(super) exports: Vec<String>,
}

/// Reads the names of a core module.
///
/// # Errors
/// The module is damaged.
pub(super) fn of(module: &[u8]) -> Result<ModuleNames, BinaryReaderError> {
    let mut names = ModuleNames::default();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    names
                        .imports
                        .push(format!("{} {}", import.module, import.name));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    names.exports.push(export?.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_and_exports_are_listed_and_a_damaged_module_is_an_error() {
        let module = wat::parse_str(
            r#"(module
                (import "a" "b" (func))
                (import "a" "c" (memory 1))
                (func (export "d"))
                (export "e" (func 0)))"#,
        );
        let module = module.unwrap();
        let expected = ModuleNames {
            imports: vec!["a b".to_owned(), "a c".to_owned()],
            exports: vec!["d".to_owned(), "e".to_owned()],
        };
        assert_eq!(of(&module).unwrap(), expected);
        assert!(of(&module[..module.len() - 1]).is_err());
    }
}
