//! Namespaces and their properties.

use std::collections::HashMap;

use iceberg::NamespaceIdent;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::rpc::{Failure, Outcome};
use super::{State, failure};

/// The input of `createNamespace`.
#[derive(Deserialize)]
pub(super) struct NewNamespace {
    namespace: NamespaceIdent,
    #[serde(default)]
    properties: HashMap<String, String>,
}

/// The input of `updateProperties`.
#[derive(Deserialize)]
pub(super) struct PropertyChanges {
    #[serde(default)]
    removals: Option<Vec<String>>,
    #[serde(default)]
    updates: Option<HashMap<String, String>>,
}

fn missing(namespace: &NamespaceIdent) -> Failure {
    let why = format!("there is no namespace {namespace}");
    failure(404, "NoSuchNamespaceException", why)
}

impl State {
    /// The properties of a namespace.
    pub(super) fn namespace(
        &self,
        namespace: &NamespaceIdent,
    ) -> Result<&HashMap<String, String>, Failure> {
        let found = self.namespaces.get(namespace);
        found.ok_or_else(|| missing(namespace))
    }

    /// The namespaces directly in `parent`, or those of one level.
    pub(super) fn list_namespaces(&self, parent: Option<&NamespaceIdent>) -> Outcome {
        if let Some(parent) = parent {
            self.namespace(parent)?;
        }
        let is_in = |namespace: &&NamespaceIdent| namespace.parent().as_ref() == parent;
        let found: Vec<_> = self.namespaces.keys().filter(is_in).collect();
        Ok(json!({ "namespaces": found }))
    }

    pub(super) fn create_namespace(&mut self, new: NewNamespace) -> Outcome {
        let NewNamespace {
            namespace,
            properties,
        } = new;
        if self.namespaces.contains_key(&namespace) {
            let why = format!("there is a namespace {namespace}");
            return Err(failure(409, "AlreadyExistsException", why));
        }
        let created = json!({ "namespace": namespace, "properties": properties });
        self.namespaces.insert(namespace, properties);
        Ok(created)
    }

    pub(super) fn load_namespace(&self, namespace: &NamespaceIdent) -> Outcome {
        let properties = self.namespace(namespace)?;
        Ok(json!({ "namespace": namespace, "properties": properties }))
    }

    pub(super) fn drop_namespace(&mut self, namespace: &NamespaceIdent) -> Outcome {
        self.namespace(namespace)?;
        let has_tables = self
            .tables
            .keys()
            .any(|table| table.namespace() == namespace);
        let has_namespaces = self
            .namespaces
            .keys()
            .any(|child| child.parent().as_ref() == Some(namespace));
        if has_tables || has_namespaces {
            let why = format!("the namespace {namespace} is not empty");
            return Err(failure(409, "NamespaceNotEmptyException", why));
        }
        self.namespaces.remove(namespace);
        Ok(Value::Null)
    }

    pub(super) fn update_properties(
        &mut self,
        namespace: &NamespaceIdent,
        changes: PropertyChanges,
    ) -> Outcome {
        let removals = changes.removals.unwrap_or_default();
        let updates = changes.updates.unwrap_or_default();
        if let Some(both) = removals.iter().find(|name| updates.contains_key(*name)) {
            let why = format!("{both} is to be set and to be removed");
            return Err(failure(422, "UnprocessableEntityException", why));
        }
        let properties = self.namespaces.get_mut(namespace);
        let properties = properties.ok_or_else(|| missing(namespace))?;
        let (removed, missing): (Vec<_>, Vec<_>) = removals
            .into_iter()
            .partition(|name| properties.remove(name).is_some());
        let updated: Vec<_> = updates.keys().cloned().collect();
        properties.extend(updates);
        Ok(json!({ "updated": updated, "removed": removed, "missing": missing }))
    }
}
