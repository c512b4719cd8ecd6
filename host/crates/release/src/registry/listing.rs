//! Which releases a registry has.

use std::collections::{BTreeMap, HashSet};

use super::{MANIFEST_END, RELEASES, Registry, RegistryError, SIGNATURE_END};
use crate::bundle::{ReleaseId, ReleasePrefix};

impl Registry {
    /// The ids of all releases, sorted.
    ///
    /// # Errors
    /// [`RegistryError::Storage`]
    pub async fn releases(&self) -> Result<Vec<ReleaseId>, RegistryError> {
        Ok(self.releases_and_signatures().await?.into_keys().collect())
    }

    /// The ids of all releases, and whether each has a signature.
    ///
    /// # Errors
    /// [`RegistryError::Storage`]
    pub async fn releases_and_signatures(
        &self,
    ) -> Result<BTreeMap<ReleaseId, bool>, RegistryError> {
        let names = self.names(RELEASES).await?;
        let id = |name: &String, end: &str| name.strip_suffix(end)?.parse::<ReleaseId>().ok();
        let signed = names.iter().filter_map(|name| id(name, SIGNATURE_END));
        let signed: HashSet<_> = signed.collect();
        let releases = names.iter().filter_map(|name| id(name, MANIFEST_END));
        Ok(releases.map(|id| (id, signed.contains(&id))).collect())
    }

    /// The release of this name. A whole id is not looked up.
    ///
    /// # Errors
    /// [`RegistryError::Storage`], [`RegistryError::Unknown`] and [`RegistryError::Ambiguous`]
    pub async fn find(&self, name: &ReleasePrefix) -> Result<ReleaseId, RegistryError> {
        if let Some(id) = name.id() {
            return Ok(id);
        }
        let ids = self.releases().await?;
        let mut meant = ids.into_iter().filter(|id| name.matches(id));
        match (meant.next(), meant.next()) {
            (Some(id), None) => Ok(id),
            (Some(a), Some(b)) => Err(RegistryError::Ambiguous {
                name: name.clone(),
                ids: [a, b],
            }),
            (None, _) => Err(RegistryError::Unknown(name.clone())),
        }
    }

    /// Lists the files in a folder.
    ///
    /// # Errors
    /// [`RegistryError::Storage`]
    pub async fn names(&self, folder: &str) -> Result<Vec<String>, RegistryError> {
        let mut names = Vec::new();
        let mut found = |name: &str| names.push(name.to_owned());
        self.store.list(&format!("{folder}/"), &mut found).await?;
        Ok(names)
    }
}
