//! A transform with its configuration, ready for records.

use json_scan::members::MemberNames;

use crate::Transform;
use crate::declaration::Declaration;

/// A transform with its configuration and its declaration.
#[derive(Debug)]
pub struct Configured<T> {
    pub(crate) rules: T,
    pub(crate) declaration: Declaration,
    pub(crate) names: MemberNames,
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
            names: declaration.names(),
            rules,
            declaration,
        })
    }

    /// What the transform reads and writes with this configuration.
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }
}
