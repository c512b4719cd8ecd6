//! Commands and their options in messages, as a user can paste them into a shell.

use std::fmt::Write as _;

use iceberg::TableIdent;
use sluice_storage::location::StoreLocation;

use crate::config::shell_word;

use super::location::{EVENTS, NAMESPACE, TableLocation, beside, in_warehouse};

impl TableLocation {
    /// A command of this program for a table in this place, with the options that a shell needs.
    #[must_use]
    pub fn command(&self, command: &str, table: &TableIdent) -> String {
        let mut words = format!("sluice table {command}");
        let mut option = |name: &str, value: &str| {
            let _infallible = write!(words, " --{name} {}", shell_word(value));
        };
        option("lake", &as_option(&self.lake));
        let (namespace, name) = (table.namespace().join("."), table.name());
        match namespace == NAMESPACE {
            true if name == EVENTS => {}
            true => option("name", name),
            false => option("name", &format!("{namespace}.{name}")),
        }
        if beside(&self.lake).ok().as_ref() != Some(&self.warehouse) {
            option("warehouse", &as_option(&self.warehouse));
        }
        if in_warehouse(&self.warehouse).ok().as_ref() != Some(&self.catalog) {
            option("catalog", &self.catalog.to_string());
        }
        words
    }
}

/// A location as an option gives it.
fn as_option(location: &StoreLocation) -> String {
    match location {
        StoreLocation::Folder(folder) => format!("file:{}", folder.display()),
        StoreLocation::S3 { .. } => location.to_string().trim_end_matches('/').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::location::parse_name;
    use super::*;
    use crate::config::{LocationArgs, parse_store};

    fn located(lake: &str, warehouse: Option<&str>) -> TableLocation {
        let args = LocationArgs {
            table_name: EVENTS.into(),
            table_catalog: None,
            table_warehouse: warehouse.map(str::to_owned),
        };
        args.of(parse_store("lake", lake).unwrap()).unwrap()
    }

    #[test]
    fn a_command_has_the_options_that_are_no_defaults() {
        let command = |lake, warehouse, name: &str| {
            let location = located(lake, warehouse);
            location.command("create", &parse_name(name).unwrap())
        };
        assert_eq!(
            command("file:lake", None, "events"),
            "sluice table create --lake file:lake"
        );
        assert_eq!(
            command("file:lake", Some("file:a b"), "of.events"),
            "sluice table create --lake file:lake --name of.events --warehouse 'file:a b'"
        );
        let bucket = located("file:lake", Some("file:warehouse"));
        let bucket = TableLocation {
            lake: parse_store("lake", "s3://bucket/lake").unwrap(),
            warehouse: parse_store("lake", "s3://other/x").unwrap(),
            ..bucket
        };
        assert_eq!(
            bucket.command("drop", &parse_name("other").unwrap()),
            "sluice table drop --lake s3://bucket/lake --name other --warehouse s3://other/x \
             --catalog sqlite:warehouse/catalog.sqlite"
        );
    }
}
