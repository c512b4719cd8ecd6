//! Where the events of a transform go, by its configuration: the built-in transforms `copy` and `jq` share this.

use crate::Routes;
use crate::partition::PartitionBy;

/// A column in a configuration: the name of a member that is the column's name too, or both names.
///
/// With the feature `serde`, it can be read from a document: `"tenant"` or
/// `{"column": "event_type", "member": "eventType"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Deserialize),
    serde(
        untagged,
        deny_unknown_fields,
        expecting = "partition_by: expected the name of a member, or an object with the names `column` and `member`"
    )
)]
pub enum ColumnConfig {
    /// The column has the name of the member.
    Member(String),
    /// The column has another name than the member.
    Renamed {
        /// The name of the column.
        column: String,
        /// The name of the member.
        member: String,
    },
}

impl ColumnConfig {
    /// The names of the column and of the member.
    fn into_names(self) -> (String, String) {
        match self {
            Self::Member(name) => (name.clone(), name),
            Self::Renamed { column, member } => (column, member),
        }
    }
}

/// The members of a configuration that say where events go: `partition_by` and `routes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationRule {
    /// The columns of an event's partition.
    pub partition_by: PartitionBy,
    /// Where events go.
    pub routes: Routes,
}

impl DestinationRule {
    /// Checks the members of a configuration: columns by the rules of [`PartitionBy::new`], and the names of
    /// [`parse_routes`]. Without routes, events go to the lake and to the bus.
    ///
    /// # Errors
    /// What is wrong with which member, for the operator.
    pub fn new(
        partition_by: Vec<ColumnConfig>,
        routes: Option<Vec<String>>,
    ) -> Result<Self, String> {
        let routes = match routes {
            Some(names) => parse_routes(names.iter().map(String::as_str))?,
            None => Routes::LAKE | Routes::BUS,
        };
        let columns = partition_by.into_iter().map(ColumnConfig::into_names);
        Ok(Self {
            partition_by: PartitionBy::new(columns.collect())?,
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
        let column = ColumnConfig::Renamed {
            column: "A".to_owned(),
            member: "m".to_owned(),
        };
        let found = DestinationRule::new(vec![column], None).unwrap_err();
        assert!(found.starts_with("partition_by[0]: "), "{found}");
    }

    #[test]
    fn a_column_has_the_name_of_its_member_or_its_own() {
        let columns = vec![
            ColumnConfig::Member("tenant".to_owned()),
            ColumnConfig::Renamed {
                column: "event_type".to_owned(),
                member: "eventType".to_owned(),
            },
        ];
        let rule = DestinationRule::new(columns, None).unwrap();
        let columns = rule.partition_by.columns().iter();
        let names: Vec<_> = columns.map(|it| (it.name(), it.member())).collect();
        assert_eq!(names, [("tenant", "tenant"), ("event_type", "eventType")]);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_column_is_read_from_a_document() {
        let read = serde_json::from_str::<ColumnConfig>;
        let member = ColumnConfig::Member("a".to_owned());
        assert_eq!(read(r#""a""#).unwrap(), member);
        let renamed = ColumnConfig::Renamed {
            column: "a".to_owned(),
            member: "b".to_owned(),
        };
        assert_eq!(read(r#"{"member":"b","column":"a"}"#).unwrap(), renamed);
        for wrong in [
            "1",
            r#"{"column":"a"}"#,
            r#"{"column":"a","member":"b","more":1}"#,
        ] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(
                error.starts_with("partition_by: expected the name of a member, or an object with"),
                "{wrong}: {error}"
            );
        }
    }
}
