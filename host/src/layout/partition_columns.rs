//! The columns of a partition, which readers of the lake find its objects by.

/// The names of the columns of a partition's path: `event_type/date` for `event_type=lesson/date=2026-01-01`, and `""` for the
/// top of the lake.
#[must_use]
pub fn partition_columns(path: &str) -> String {
    let names = path.split('/').map(|pair| match pair.split_once('=') {
        Some((name, _)) => name,
        None => pair,
    });
    names.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_the_names_without_their_values() {
        let path = "event_type=a%3Db/date=2026-01-01";
        assert_eq!(partition_columns(path), "event_type/date");
        assert_eq!(partition_columns(""), "");
    }
}
