//! A change of the rollout, and whether a person or a host made it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::bundle::ReleaseId;

/// One change of the document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The document's number since the change.
    pub number: u64,
    /// When it was made, RFC 3339.
    pub at: String,
    /// What was changed.
    pub what: ChangeKind,
    /// The release; `None` is the one that hosts were started with.
    pub release: Option<ReleaseId>,
    /// Who made the change: a person or a host.
    pub by: String,
    /// The reason, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Change {
    /// Whether a host made it: an automatic rollback.
    #[must_use]
    pub fn is_by_host(&self) -> bool {
        let machine = self.by.strip_prefix(HOST);
        machine.is_some_and(|rest| rest.starts_with(" on ") || rest.starts_with(", process "))
    }
}

/// How the name of a host begins that makes changes.
const HOST: &str = "sluice";

/// The name of a host that makes changes: of its machine or function, if that has one, and its process.
#[must_use]
pub fn host_name(machine: Option<&str>, process: u32) -> String {
    match machine {
        Some(machine) => format!("{HOST} on {machine}, process {process}"),
        None => format!("{HOST}, process {process}"),
    }
}

/// The kinds of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A release is active.
    Activate,
    /// A release is the canary.
    Canary,
    /// A release is the shadow.
    Shadow,
    /// The release before is active again.
    Rollback,
    /// A trial has ended.
    EndTrial,
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Activate => "activated",
            Self::Canary => "canary",
            Self::Shadow => "shadow",
            Self::Rollback => "rolled back to",
            Self::EndTrial => "trial ended",
        })
    }
}
