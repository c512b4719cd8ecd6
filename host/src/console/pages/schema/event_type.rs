//! The types of events in the lake, as the partitions of its objects name them.

use crate::console::page::{PageRequest, encoded};
use crate::console::payload::inert;
use crate::layout::event_type::event_type_of_folder;

/// The type of the events of a partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PartitionType {
    /// It has a name.
    Named(String),
    /// The events have no type.
    Without,
    /// The partition does not name one.
    Unknown,
}

/// The values of `of` in a query, for types without a name.
const WITHOUT: &str = "without";
const UNKNOWN: &str = "unknown";

impl PartitionType {
    pub(super) fn of_partition(partition: &str) -> Self {
        match event_type_of_folder(partition) {
            Some(name) if name.is_empty() => Self::Without,
            Some(name) => Self::Named(name),
            None => Self::Unknown,
        }
    }

    /// The type that a page is asked for.
    pub(super) fn of_request(request: &PageRequest) -> Option<Self> {
        match (request.get("type"), request.get("of")) {
            (Some(name), _) => Some(Self::Named(name.to_owned())),
            (None, Some(WITHOUT)) => Some(Self::Without),
            (None, Some(UNKNOWN)) => Some(Self::Unknown),
            (None, _) => None,
        }
    }

    /// The page of the type.
    pub(super) fn link(&self) -> String {
        match self {
            Self::Named(name) => format!("/schema?type={}", encoded(name)),
            Self::Without => format!("/schema?of={WITHOUT}"),
            Self::Unknown => format!("/schema?of={UNKNOWN}"),
        }
    }

    /// The type in words.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Named(name) => inert(name),
            Self::Without => "events without a type".into(),
            Self::Unknown => "not named by the partition".into(),
        }
    }

    /// The type as an inference takes it; `None` if each event says its own.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::Without => Some(""),
            Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_page() {
        for (partition, text) in [
            ("event_type=a%2Fb%20&c/date=2026-01-01", "a/b &c"),
            (
                "event_type=__HIVE_DEFAULT_PARTITION__",
                "events without a type",
            ),
            ("date=2026-01-01", "not named by the partition"),
            ("", "not named by the partition"),
        ] {
            let of = PartitionType::of_partition(partition);
            assert_eq!(of.text(), text);
            let request = PageRequest::parse(&of.link());
            assert_eq!(PartitionType::of_request(&request), Some(of));
        }
        let request = PageRequest::parse("/schema?of=other");
        assert_eq!(PartitionType::of_request(&request), None);
    }
}
