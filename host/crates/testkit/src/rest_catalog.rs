//! An Iceberg REST catalog in memory. The metadata of its tables is in files, in a folder or in a bucket of the stand-in
//! for S3.
//!
//! It has the operations that a catalog of tables needs, and says so to its clients. Their names, here and in the methods,
//! are those of Apache Iceberg's REST specification: `getConfig`, `updateTable` and so on. Views, transactions over several
//! tables and staged tables are missing.

mod files;
mod namespaces;
mod operation;
mod tables;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Request, Response, header};
use iceberg::{NamespaceIdent, TableIdent};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::files::Files;
use self::operation::Operation;
use self::tables::Entry;
use super::http::{Answer, Server, collected, full};
use super::rpc::{Commands, Failure, Outcome};
use super::s3::S3;

/// What a catalog asks of its clients; nothing by default.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The name of the warehouse that `getConfig` must ask for. The paths of all other operations begin with it then.
    pub warehouse: Option<String>,
    /// The bearer token that each request must have.
    pub token: Option<String>,
}

/// A running catalog. It stops when it is dropped; files stay.
pub struct RestCatalog {
    /// Its URL, without `/v1`.
    pub endpoint: String,
    _server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    access: Access,
    files: Files,
    /// Held by each change of tables, from its check until it is made.
    changes: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    commands: Commands,
    namespaces: BTreeMap<NamespaceIdent, HashMap<String, String>>,
    tables: BTreeMap<TableIdent, Entry>,
}

impl RestCatalog {
    /// Starts a catalog without tables. Those that come without a location get one in this folder.
    pub fn start_in_folder(folder: &Path, access: Access) -> Self {
        Self::start(Files::in_folder(folder), access)
    }

    /// Starts a catalog without tables. Those that come without a location get one below this URI, such as
    /// `s3://warehouse/tables`.
    pub fn start_in_bucket(s3: &S3, uri: &str, access: Access) -> Self {
        Self::start(Files::in_bucket(s3, uri), access)
    }

    fn start(files: Files, access: Access) -> Self {
        let shared = Arc::new(Shared {
            access,
            files,
            changes: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let server = Server::start(move |request| {
            let shared = Arc::clone(&serving);
            // A request that arrived completely is executed completely, even if its client
            // disconnects.
            async move { tokio::spawn(async move { shared.serve(request).await }).await? }
        });
        Self {
            endpoint: server.endpoint().to_owned(),
            _server: server,
            shared,
        }
    }

    /// Makes the next `times` calls of this operation fail. Nothing happens to the tables.
    pub fn fail(&self, operation: &str, times: usize, failure: &Failure) {
        let mut state = self.shared.state();
        state.commands.fail(operation, times, failure);
    }

    /// The number of calls of an operation, failures included.
    pub fn calls(&self, operation: &str) -> usize {
        self.shared.state().commands.calls(operation)
    }

    /// The present metadata file of a table in a namespace of one level, if there is one.
    pub fn metadata_location(&self, namespace: &str, table: &str) -> Option<String> {
        let table = TableIdent::from_strs([namespace, table]).unwrap();
        let state = self.shared.state();
        Some(state.tables.get(&table)?.location.to_string())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn serve(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let body = collected(body).await?;
        answer(&self.called(&head, &body).await)
    }

    async fn called(&self, head: &Parts, body: &[u8]) -> Outcome {
        let prefix = self.access.warehouse.as_deref();
        let operation = Operation::of(&head.method, &head.uri, prefix)?;
        self.state().commands.begin(operation.name())?;
        self.check_token(head)?;
        self.act(operation, body).await
    }

    fn check_token(&self, head: &Parts) -> Result<(), Failure> {
        let Some(token) = &self.access.token else {
            return Ok(());
        };
        let given = head.headers.get(header::AUTHORIZATION);
        let given = given.and_then(|given| given.to_str().ok()?.strip_prefix("Bearer "));
        if given == Some(token) {
            return Ok(());
        }
        let why = "the request has no token, or another one";
        Err(failure(401, "NotAuthorizedException", why))
    }

    async fn act(&self, operation: Operation, body: &[u8]) -> Outcome {
        match operation {
            Operation::GetConfig { warehouse } => self.config(warehouse.as_deref()),
            Operation::ListNamespaces { parent } => self.state().list_namespaces(parent.as_ref()),
            Operation::CreateNamespace => self.state().create_namespace(parsed(body)?),
            Operation::LoadNamespaceMetadata(namespace) => self.state().load_namespace(&namespace),
            Operation::NamespaceExists(namespace) => {
                self.state().namespace(&namespace).map(|_| Value::Null)
            }
            Operation::DropNamespace(namespace) => self.state().drop_namespace(&namespace),
            Operation::UpdateProperties(namespace) => {
                self.state().update_properties(&namespace, parsed(body)?)
            }
            Operation::ListTables(namespace) => self.state().list_tables(&namespace),
            Operation::CreateTable(namespace) => self.create_table(namespace, parsed(body)?).await,
            Operation::LoadTable(table) => self.load_table(&table),
            Operation::TableExists(table) => self.state().table(&table).map(|_| Value::Null),
            Operation::UpdateTable(table) => self.update_table(&table, parsed(body)?).await,
            Operation::DropTable { table, purge } => self.drop_table(&table, purge).await,
            Operation::RenameTable => self.rename_table(parsed(body)?).await,
        }
    }

    fn config(&self, warehouse: Option<&str>) -> Outcome {
        let mut overrides = json!({});
        if let Some(name) = &self.access.warehouse {
            match warehouse {
                Some(given) if given == name => overrides["prefix"] = json!(name),
                Some(given) => {
                    let why = format!("there is no warehouse {given}");
                    return Err(failure(404, "NoSuchWarehouseException", why));
                }
                None => {
                    let why = "the query must name a warehouse";
                    return Err(failure(400, "BadRequestException", why));
                }
            }
        }
        let endpoints = operation::ENDPOINTS;
        Ok(json!({ "defaults": {}, "overrides": overrides, "endpoints": endpoints }))
    }
}

/// An error of a catalog: the HTTP status, the name of an exception of Iceberg, and why.
pub fn failure(status: u16, exception: &str, why: impl Into<String>) -> Failure {
    Failure {
        status,
        code: exception.to_owned(),
        message: why.into(),
    }
}

/// The body of an answer that says an error.
pub(super) fn error_body(failure: &Failure) -> String {
    let Failure {
        status,
        code,
        message,
    } = failure;
    json!({ "error": { "message": message, "type": code, "code": status } }).to_string()
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| failure(400, "BadRequestException", error.to_string()))
}

/// An operation without output answers "204 No Content".
fn answer(outcome: &Outcome) -> Answer {
    let (status, body) = match outcome {
        Ok(Value::Null) => return Ok(Response::builder().status(204).body(full(""))?),
        Ok(output) => (200, output.to_string()),
        Err(failure) => (failure.status, error_body(failure)),
    };
    let response = Response::builder().status(status);
    let response = response.header(header::CONTENT_TYPE, "application/json");
    Ok(response.body(full(body))?)
}
