//! What a transform declares: the members that it reads and those that it sets or removes.

use std::collections::HashSet;

use json_scan::members::MemberNames;

use crate::bindings::exports::sluice::transform::fields::{Declaration, Metadata, Wanted};

/// The longest name of a member, in bytes.
pub(crate) const NAME_MAX_BYTES: usize = 1_024;

/// A declaration that has been validated.
pub(crate) struct Declared {
    pub(super) names: MemberNames,
    /// For each member that is read, whether the transform wants its kind only.
    pub(super) kinds_only: Vec<bool>,
    /// The names of the members that are set or removed, for messages.
    pub(super) writes: Vec<String>,
    pub(super) metadata: Metadata,
}

impl Declared {
    /// Validates a declaration.
    ///
    /// # Errors
    /// Which rule of the contract it breaks.
    pub(crate) fn new(declaration: Declaration) -> Result<Self, String> {
        let reads = declaration.reads.iter().map(|read| read.name.as_str());
        let reads: Vec<_> = reads.collect();
        let writes: Vec<_> = declaration.writes.iter().map(String::as_str).collect();
        check("reads", &reads)?;
        check("writes", &writes)?;
        Ok(Self {
            names: MemberNames::new(&reads, &writes),
            kinds_only: declaration
                .reads
                .iter()
                .map(|read| read.wanted == Wanted::Kind)
                .collect(),
            metadata: declaration.metadata,
            writes: declaration.writes,
        })
    }
}

fn check(list: &str, names: &[&str]) -> Result<(), String> {
    if names.len() > MemberNames::MAX {
        let count = names.len();
        let most = MemberNames::MAX;
        return Err(format!(
            "`{list}` has {count} members, at most {most} are allowed"
        ));
    }
    let mut known = HashSet::new();
    for name in names {
        let bytes = name.len();
        if bytes > NAME_MAX_BYTES {
            return Err(format!(
                "`{list}` has a name of {bytes} bytes, at most {NAME_MAX_BYTES} are allowed"
            ));
        }
        if !known.insert(name) {
            return Err(format!("`{list}` has the name {name:?} twice"));
        }
    }
    Ok(())
}
