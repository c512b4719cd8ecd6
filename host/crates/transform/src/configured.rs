//! A transform with its configuration, ready for records.

use std::sync::OnceLock;

use json_scan::members::MemberNames;

use crate::Transform;
use crate::declaration::Declaration;

/// A transform with its configuration and its declaration.
#[derive(Debug)]
pub struct Configured<T> {
    pub(crate) rules: T,
    pub(crate) declaration: Declaration,
    names: OnceLock<MemberNames>,
}

impl<T: Transform> Configured<T> {
    /// Configures the transform with a JSON document.
    ///
    /// # Errors
    /// What is wrong with the configuration or with the declaration, for the operator.
    pub fn new(config: &str) -> Result<Self, String> {
        let rules = T::configure(config)?;
        let declaration = Declaration::new(rules.reads(), rules.writes(), rules.metadata())?;
        Ok(Self {
            rules,
            declaration,
            names: OnceLock::new(),
        })
    }

    /// What the transform reads and writes with this configuration.
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// The names to find in a whole record. In a call by fields, the host finds them.
    #[inline]
    pub(crate) fn names(&self) -> &MemberNames {
        self.names.get_or_init(|| self.declaration.names())
    }
}
