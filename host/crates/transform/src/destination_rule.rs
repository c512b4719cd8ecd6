//! Where the events of a transform go, by its configuration: the built-in transforms `copy` and `jq` share this.

use json_scan::Kind;

use crate::{Rejection, Routes};

/// The length of a partition column's name, which the contract limits.
const COLUMN_MAX_BYTES: usize = 64;

/// The members of a configuration that say where events go: `partition_by` and `routes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationRule {
    /// The members of an event that are its partition columns, outermost first.
    pub partition_by: Vec<String>,
    /// Where events go.
    pub routes: Routes,
}

impl Default for DestinationRule {
    /// To the top of the lake, and to the bus.
    fn default() -> Self {
        Self {
            partition_by: Vec::new(),
            routes: Routes::LAKE | Routes::BUS,
        }
    }
}

impl DestinationRule {
    /// Checks the members of a configuration. A member that it does not have has the default.
    ///
    /// # Errors
    /// What is wrong with which member, for the operator.
    pub fn new(
        partition_by: Option<Vec<String>>,
        routes: Option<Vec<String>>,
    ) -> Result<Self, String> {
        let partition_by = partition_by.unwrap_or_default();
        for (place, name) in partition_by.iter().enumerate() {
            check_column(name).map_err(|why| format!("partition_by[{place}]: {why}"))?;
            if partition_by.iter().take(place).any(|known| known == name) {
                return Err(format!("partition_by[{place}]: `{name}` is given before"));
            }
        }
        let routes = routes.map(|names| parse_routes(names.iter().map(String::as_str)));
        Ok(Self {
            partition_by,
            routes: routes
                .transpose()?
                .unwrap_or_else(|| Self::default().routes),
        })
    }
}

/// Checks the name of a partition column by the rules of the contract.
///
/// # Errors
/// What is wrong with it.
pub fn check_column(name: &str) -> Result<(), String> {
    let first = name.bytes().next();
    let is_name = first.is_some_and(|byte| byte.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.len() <= COLUMN_MAX_BYTES;
    match is_name {
        true => Ok(()),
        false => Err(format!(
            "{name:?} cannot be a partition column; expected a letter, followed by letters, digits and underscores, \
             {COLUMN_MAX_BYTES} characters at most"
        )),
    }
}

/// Parses `["lake", "bus"]`.
///
/// # Errors
/// A name that is no route, or no name.
pub fn parse_routes<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Routes, String> {
    let mut routes = None;
    for name in names {
        let route = match name {
            "lake" => Routes::LAKE,
            "bus" => Routes::BUS,
            _ => return Err(format!("routes: expected lake or bus, found {name:?}")),
        };
        routes = Some(routes.map_or(route, |routes| routes | route));
    }
    routes.ok_or_else(|| "routes: expected lake, bus or both, found none".to_owned())
}

impl Rejection {
    /// `missing_partition_field`: an event does not have the member of a partition column, or it is `null`.
    #[cold]
    pub fn missing_partition_field(column: &str, is_null: bool) -> Self {
        let found = if is_null { "null" } else { "no such member" };
        let message = format!("{column}: expected a value for the partition, found {found}");
        Self::new("missing_partition_field", message)
    }

    /// `invalid_partition_field`: the member of a partition column is an object or an array.
    #[cold]
    pub fn invalid_partition_field(column: &str, found: Kind) -> Self {
        let found = found.text();
        let message = format!(
            "{column}: expected a text, a number or a boolean for the partition, found {found}"
        );
        Self::new("invalid_partition_field", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Option<Vec<String>> {
        Some(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn without_members_events_go_everywhere_without_a_partition() {
        let rule = DestinationRule::new(None, None).unwrap();
        assert_eq!(rule, DestinationRule::default());
        assert!(rule.partition_by.is_empty());
        assert_eq!(rule.routes, Routes::LAKE | Routes::BUS);
    }

    #[test]
    fn members_are_read() {
        let rule = DestinationRule::new(names(&["a", "B_2"]), names(&["bus"])).unwrap();
        assert_eq!(rule.partition_by, ["a", "B_2"]);
        assert_eq!(rule.routes, Routes::BUS);
        let both = DestinationRule::new(None, names(&["bus", "lake", "bus"])).unwrap();
        assert_eq!(both, DestinationRule::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = "x".repeat(COLUMN_MAX_BYTES + 1);
        for (partition_by, routes, error) in [
            (
                names(&["a", "a"]),
                None,
                "partition_by[1]: `a` is given before",
            ),
            (names(&["1a"]), None, "partition_by[0]: \"1a\" cannot be"),
            (names(&[""]), None, "partition_by[0]: \"\" cannot be"),
            (
                names(&["a", "b.c"]),
                None,
                "partition_by[1]: \"b.c\" cannot be",
            ),
            (names(&[&long]), None, "64 characters at most"),
            (
                None,
                names(&[]),
                "routes: expected lake, bus or both, found none",
            ),
            (
                None,
                names(&["Lake"]),
                "routes: expected lake or bus, found \"Lake\"",
            ),
        ] {
            let found = DestinationRule::new(partition_by, routes).unwrap_err();
            assert!(found.contains(error), "{found}");
        }
        assert_eq!(check_column(&"x".repeat(COLUMN_MAX_BYTES)), Ok(()));
    }

    #[test]
    fn rejections_name_the_column_and_what_was_found() {
        let rejection = Rejection::missing_partition_field("a", true);
        assert_eq!(rejection.code(), "missing_partition_field");
        assert!(rejection.message().ends_with("found null"));
        let rejection = Rejection::invalid_partition_field("a", Kind::Object);
        assert!(rejection.message.starts_with("a: expected a text"));
        assert!(rejection.message.ends_with("found an object"));
    }
}
