//! The folders of tables in a warehouse, and those of tables that were dropped without their files.

use std::collections::{BTreeMap, BTreeSet};

use iceberg::table::Table;
use iceberg::{NamespaceIdent, TableIdent};
use serde_json::Value;
use sluice_storage::object_store::Found;

use super::documents::table_folder;
use super::manage::{ManageError, Tables, is_missing};

/// What the name of a metadata file ends with.
const METADATA_FILE: &str = ".metadata.json";

impl Tables {
    /// The folders of a table, by their names with a slash at the end: that of its files, and that of its documents.
    ///
    /// # Errors
    /// Its files are not in the warehouse.
    pub fn folders(&self, table: &Table) -> Result<[String; 2], ManageError> {
        let metadata = table.metadata();
        let files = self.warehouse.name(metadata.location())?;
        let files = format!("{}/", files.trim_end_matches('/'));
        Ok([files, table_folder(&metadata.uuid().to_string())])
    }

    /// The folders that have files of tables which were created with this name, and which no table of the catalog uses.
    /// Another catalog can use them.
    ///
    /// # Errors
    /// The warehouse or the catalog cannot be read.
    pub async fn leftovers(&self, table: &TableIdent) -> Result<Vec<String>, ManageError> {
        let namespace = table.namespace();
        let parent = format!("{}/", namespace.join("/"));
        // Each with one of its metadata files, if it has one.
        let mut folders = BTreeMap::<String, Option<String>>::new();
        let mut found = |key: &str| {
            let Some((folder, file)) = key.split_once('/') else {
                return;
            };
            if is_folder_of(folder, table.name()) {
                let metadata = folders.entry(format!("{parent}{folder}/")).or_default();
                if file.ends_with(METADATA_FILE) {
                    *metadata = Some(format!("{parent}{key}"));
                }
            }
        };
        let store = self.warehouse.store();
        store.list(&parent, &mut found).await?;
        if folders.is_empty() {
            return Ok(Vec::new());
        }
        let used = self.used_folders(namespace).await?;
        let mut leftovers = Vec::new();
        for (folder, metadata) in folders {
            if used.contains(&folder) {
                continue;
            }
            let documents = self.documents_of(metadata).await?;
            // The table of these documents can have moved to another folder, and still has files in this one.
            if documents
                .as_ref()
                .is_none_or(|documents| !used.contains(documents))
            {
                leftovers.push(folder);
                leftovers.extend(documents);
            }
        }
        Ok(leftovers)
    }

    /// The folders that the tables of a namespace use.
    async fn used_folders(
        &self,
        namespace: &NamespaceIdent,
    ) -> Result<BTreeSet<String>, ManageError> {
        let tables = match self.catalog.list_tables(namespace).await {
            Err(error) if is_missing(error.kind()) => Vec::new(),
            tables => tables?,
        };
        let mut used = BTreeSet::new();
        for table in tables {
            if let Some(table) = self.find(&table).await? {
                used.extend(self.folders(&table).into_iter().flatten());
            }
        }
        Ok(used)
    }

    /// The folder of the documents of the table with a metadata file, if there is one.
    async fn documents_of(&self, metadata: Option<String>) -> Result<Option<String>, ManageError> {
        let Some(key) = metadata else { return Ok(None) };
        let store = self.warehouse.store();
        let Found::Content(text) = store.get(&key, usize::MAX).await? else {
            return Ok(None);
        };
        let metadata: Value = serde_json::from_slice(&text).unwrap_or_default();
        let Some(uuid) = metadata["table-uuid"].as_str() else {
            return Ok(None);
        };
        let (folder, mut is_there) = (table_folder(uuid), false);
        store.list(&folder, &mut |_| is_there = true).await?;
        Ok(is_there.then_some(folder))
    }
}

/// Whether a folder has the name of those that a table with this name gets.
fn is_folder_of(folder: &str, table: &str) -> bool {
    let number = folder
        .strip_prefix(table)
        .and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|number| {
        number.len() == 8 && number.chars().all(|digit| digit.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::is_folder_of;

    #[test]
    fn a_folder_has_the_name_of_its_table_and_a_number() {
        assert!(is_folder_of("events-0123abcd", "events"));
        for other in ["events", "events-1", "events_b-0123abcd", "b-0123abcd"] {
            assert!(!is_folder_of(other, "events"), "{other}");
        }
    }
}
