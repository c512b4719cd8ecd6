//! Checks that events are JSON.

use json_scan::members::{MemberNames, Members};
use json_scan::profile::{ProfileChecker, ProfileError};
use json_scan::{Kind, SyntaxError};

use super::invalid;
use crate::limits::JsonProfile;
use crate::outcome::{Fault, Reason, Routes};

/// Checks that events are JSON in UTF-8, and that those for the lake keep to a profile.
pub struct JsonChecker {
    lake_json: JsonProfile,
    profile: Box<ProfileChecker>,
}

impl JsonChecker {
    /// Creates a checker for many events.
    #[must_use]
    pub fn new(lake_json: JsonProfile) -> Self {
        Self {
            lake_json,
            profile: Box::default(),
        }
    }

    /// Checks a record, and finds its members. Also returns whether the record certainly keeps to the profile, and
    /// will if members that `names` can set get other values.
    ///
    /// # Errors
    /// The position of a syntax error.
    #[inline]
    pub(crate) fn find_members(
        &mut self,
        record: &[u8],
        names: &MemberNames,
        members: &mut Members,
    ) -> Result<(Kind, bool), SyntaxError> {
        match self.lake_json {
            JsonProfile::Any => Ok((members.find(record, names)?, true)),
            JsonProfile::Interoperable => self.profile.find_members(record, names, members),
        }
    }

    /// Checks the value of a member. Returns whether an event that keeps to the profile certainly does so with it.
    ///
    /// # Errors
    /// The position of a syntax error.
    #[inline]
    pub(crate) fn check_member(&mut self, value: &[u8]) -> Result<bool, SyntaxError> {
        match self.lake_json {
            JsonProfile::Any => json_scan::check(value).map(|_| true),
            JsonProfile::Interoperable => self.profile.check_member(value),
        }
    }

    /// Checks one event. The profile does not matter for an event that goes to the bus only.
    ///
    /// # Errors
    /// [`Fault::InvalidOutput`] with the position of a syntax error, or [`Fault::NotInteroperable`]
    /// with the path of the value that breaks the profile.
    pub fn check(&mut self, data: &[u8], routes: Routes) -> Result<(), Reason> {
        if !routes.lake || self.lake_json == JsonProfile::Any {
            return json_scan::check(data).map(drop).or_else(not_json);
        }
        self.profile.check(data).or_else(|error| match error {
            ProfileError::Syntax(error) => not_json(error),
            ProfileError::Violation(violation) => Err(Reason::fault(
                Fault::NotInteroperable,
                format!("readers of the lake fail on the event at {violation}"),
            )),
        })
    }
}

fn not_json(error: SyntaxError) -> Result<(), Reason> {
    invalid(format!("an event is not JSON: {error}"))
}
