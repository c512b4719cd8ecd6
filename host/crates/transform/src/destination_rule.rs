//! Where the events of a transform go, by its configuration: the built-in transforms `copy` and `jq` share this.

use crate::Routes;
use crate::partition::PartitionBy;

/// The members of a configuration that say where events go: `partition_by` and `routes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationRule {
    /// The columns of an event's partition.
    pub partition_by: PartitionBy,
    /// Where events go.
    pub routes: Routes,
}

impl DestinationRule {
    /// Checks the members of a configuration: the pairs of a column and a member of [`PartitionBy::new`], and the names
    /// of [`parse_routes`]. Without routes, events go to the lake and to the bus.
    ///
    /// # Errors
    /// What is wrong with which member, for the operator.
    pub fn new(
        partition_by: Vec<(String, String)>,
        routes: Option<Vec<String>>,
    ) -> Result<Self, String> {
        let routes = match routes {
            Some(names) => parse_routes(names.iter().map(String::as_str))?,
            None => Routes::LAKE | Routes::BUS,
        };
        Ok(Self {
            partition_by: PartitionBy::new(partition_by)?,
            routes,
        })
    }
}

/// Parses routes by their names, `lake` and `bus`.
///
/// # Errors
/// For the operator: a name that is no route, or that there is none.
pub fn parse_routes<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Routes, String> {
    let mut routes = None;
    for name in names {
        let route = match name {
            "lake" => Routes::LAKE,
            "bus" => Routes::BUS,
            _ => {
                return Err(format!(
                    "routes: expected \"lake\" or \"bus\", found {name:?}"
                ));
            }
        };
        routes = Some(routes.map_or(route, |routes| routes | route));
    }
    routes.ok_or_else(|| "routes: expected \"lake\", \"bus\" or both, found none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(names: &[&str]) -> Result<Routes, String> {
        let names = names.iter().map(|name| (*name).to_owned());
        DestinationRule::new(Vec::new(), Some(names.collect())).map(|rule| rule.routes)
    }

    #[test]
    fn without_members_events_go_everywhere_without_a_partition() {
        let rule = DestinationRule::new(Vec::new(), None).unwrap();
        assert!(rule.partition_by.columns().is_empty());
        assert_eq!(rule.routes, Routes::LAKE | Routes::BUS);
    }

    #[test]
    fn routes_are_named() {
        assert_eq!(routes(&["lake"]), Ok(Routes::LAKE));
        assert_eq!(routes(&["bus"]), Ok(Routes::BUS));
        assert_eq!(
            routes(&["bus", "lake", "bus"]),
            Ok(Routes::LAKE | Routes::BUS)
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let found = routes(&["lake", "Bus"]).unwrap_err();
        assert_eq!(found, "routes: expected \"lake\" or \"bus\", found \"Bus\"");
        let found = routes(&[]).unwrap_err();
        assert_eq!(
            found,
            "routes: expected \"lake\", \"bus\" or both, found none"
        );
        let column = vec![("A".to_owned(), "m".to_owned())];
        let found = DestinationRule::new(column, None).unwrap_err();
        assert!(found.starts_with("partition_by[0]: "), "{found}");
    }
}
