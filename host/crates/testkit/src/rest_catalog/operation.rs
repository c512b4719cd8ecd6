//! Which operation a request is, by its method and its path.

use hyper::{Method, Uri};
use iceberg::{NamespaceIdent, TableIdent};

use super::super::rpc::Failure;
use super::failure;

/// The operations, as `getConfig` names them.
pub(super) const ENDPOINTS: [&str; 13] = [
    "GET /v1/{prefix}/namespaces",
    "POST /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "HEAD /v1/{prefix}/namespaces/{namespace}",
    "DELETE /v1/{prefix}/namespaces/{namespace}",
    "POST /v1/{prefix}/namespaces/{namespace}/properties",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "POST /v1/{prefix}/namespaces/{namespace}/tables",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/tables/rename",
];

/// What stands between the levels of a namespace in a path.
const LEVELS: char = '\u{1f}';

/// An operation and what its path says.
pub(super) enum Operation {
    GetConfig { warehouse: Option<String> },
    ListNamespaces { parent: Option<NamespaceIdent> },
    CreateNamespace,
    LoadNamespaceMetadata(NamespaceIdent),
    NamespaceExists(NamespaceIdent),
    DropNamespace(NamespaceIdent),
    UpdateProperties(NamespaceIdent),
    ListTables(NamespaceIdent),
    CreateTable(NamespaceIdent),
    LoadTable(TableIdent),
    TableExists(TableIdent),
    UpdateTable(TableIdent),
    DropTable { table: TableIdent, purge: bool },
    RenameTable,
}

impl Operation {
    /// The operation of a request. All paths but that of `getConfig` begin with the prefix, if there is one.
    pub(super) fn of(method: &Method, uri: &Uri, prefix: Option<&str>) -> Result<Self, Failure> {
        let unknown = || {
            let why = format!("the stand-in has no {method} {}", uri.path());
            failure(404, "NoSuchEndpointException", why)
        };
        let path: Vec<_> = uri.path().split('/').skip(1).map(decoded).collect();
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let rest = match (path.as_slice(), prefix) {
            (["v1", "config"], _) => {
                let warehouse = parameter(uri, "warehouse");
                return Ok(Self::GetConfig { warehouse });
            }
            (["v1", first, rest @ ..], Some(prefix)) if *first == prefix => rest,
            (["v1", rest @ ..], None) => rest,
            _ => return Err(unknown()),
        };
        let found = match rest {
            ["namespaces"] => Self::on_namespaces(method, uri),
            ["namespaces", name] => Self::on_namespace(method, namespace(name)),
            ["namespaces", name, "properties"] if method == Method::POST => {
                Some(Self::UpdateProperties(namespace(name)))
            }
            ["namespaces", name, "tables"] => Self::on_tables(method, namespace(name)),
            ["namespaces", name, "tables", table] => {
                let table = TableIdent::new(namespace(name), (*table).to_owned());
                Self::on_table(method, uri, table)
            }
            ["tables", "rename"] if method == Method::POST => Some(Self::RenameTable),
            _ => None,
        };
        found.ok_or_else(unknown)
    }

    fn on_namespaces(method: &Method, uri: &Uri) -> Option<Self> {
        match *method {
            Method::GET => {
                let parent = parameter(uri, "parent").filter(|parent| !parent.is_empty());
                let parent = parent.as_deref().map(namespace);
                Some(Self::ListNamespaces { parent })
            }
            Method::POST => Some(Self::CreateNamespace),
            _ => None,
        }
    }

    fn on_namespace(method: &Method, namespace: NamespaceIdent) -> Option<Self> {
        match *method {
            Method::GET => Some(Self::LoadNamespaceMetadata(namespace)),
            Method::HEAD => Some(Self::NamespaceExists(namespace)),
            Method::DELETE => Some(Self::DropNamespace(namespace)),
            _ => None,
        }
    }

    fn on_tables(method: &Method, namespace: NamespaceIdent) -> Option<Self> {
        match *method {
            Method::GET => Some(Self::ListTables(namespace)),
            Method::POST => Some(Self::CreateTable(namespace)),
            _ => None,
        }
    }

    fn on_table(method: &Method, uri: &Uri, table: TableIdent) -> Option<Self> {
        match *method {
            Method::GET => Some(Self::LoadTable(table)),
            Method::HEAD => Some(Self::TableExists(table)),
            Method::POST => Some(Self::UpdateTable(table)),
            Method::DELETE => {
                let purge = parameter(uri, "purgeRequested");
                let purge = purge.is_some_and(|purge| purge.eq_ignore_ascii_case("true"));
                Some(Self::DropTable { table, purge })
            }
            _ => None,
        }
    }

    /// Its name in Iceberg's REST specification.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::GetConfig { .. } => "getConfig",
            Self::ListNamespaces { .. } => "listNamespaces",
            Self::CreateNamespace => "createNamespace",
            Self::LoadNamespaceMetadata(_) => "loadNamespaceMetadata",
            Self::NamespaceExists(_) => "namespaceExists",
            Self::DropNamespace(_) => "dropNamespace",
            Self::UpdateProperties(_) => "updateProperties",
            Self::ListTables(_) => "listTables",
            Self::CreateTable(_) => "createTable",
            Self::LoadTable(_) => "loadTable",
            Self::TableExists(_) => "tableExists",
            Self::UpdateTable(_) => "updateTable",
            Self::DropTable { .. } => "dropTable",
            Self::RenameTable => "renameTable",
        }
    }
}

fn namespace(name: &str) -> NamespaceIdent {
    NamespaceIdent::from_strs(name.split(LEVELS)).unwrap()
}

/// A parameter of the query.
fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let parameters = uri.query()?.split('&');
    let mut parameters = parameters.filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(given, _)| *given == name)?;
    Some(decoded(&value.replace('+', " ")))
}

/// A part of a URL without its percent encoding.
fn decoded(part: &str) -> String {
    let mut pieces = part.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let code = piece.get(..2).map(|code| u8::from_str_radix(code, 16));
        match code {
            Some(Ok(byte)) => {
                bytes.push(byte);
                bytes.extend_from_slice(&piece.as_bytes()[2..]);
            }
            _ => {
                bytes.push(b'%');
                bytes.extend_from_slice(piece.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
