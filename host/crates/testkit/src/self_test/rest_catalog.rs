use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use iceberg::io::LocalFsStorageFactory;
use iceberg::spec::{NestedField, PrimitiveType, Schema, Type};
use iceberg::table::Table;
use iceberg::transaction::{ApplyTransactionAction as _, Transaction};
use iceberg::{Catalog, CatalogBuilder as _, ErrorKind, NamespaceIdent, TableCreation, TableIdent};
use iceberg_catalog_rest::{RestCatalog as Client, RestCatalogBuilder};
use tempfile::TempDir;

use super::super::proxy::{Fault, Proxy, Rule};
use super::super::rest_catalog::{Access, RestCatalog, failure};
use super::super::s3::S3;

async fn client(endpoint: &str, more: &[(&str, &str)]) -> Client {
    // The client has no cryptography of its own, but takes that of the process.
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let _unless_there_is_one = provider.install_default();
    let properties = [&[("uri", endpoint)][..], more].concat();
    let properties = properties.into_iter();
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned()));
    RestCatalogBuilder::default()
        .with_storage_factory(Arc::new(LocalFsStorageFactory))
        .load("catalog", properties.collect())
        .await
        .unwrap()
}

fn namespace() -> NamespaceIdent {
    NamespaceIdent::new("a b".into())
}

fn table(name: &str) -> TableIdent {
    TableIdent::new(namespace(), name.into())
}

fn creation(name: &str) -> TableCreation {
    let field = NestedField::optional(1, "x", Type::Primitive(PrimitiveType::Long));
    let schema = Schema::builder().with_fields([field.into()]).build();
    TableCreation::builder()
        .name(name.to_owned())
        .schema(schema.unwrap())
        .properties([("p".to_owned(), "0".to_owned())])
        .build()
}

async fn create(client: &Client, name: &str) -> Table {
    let created = client.create_namespace(&namespace(), HashMap::new()).await;
    assert!(created.is_ok_and(|created| *created.name() == namespace()));
    let created = client.create_table(&namespace(), creation(name)).await;
    created.unwrap()
}

/// A folder, a catalog with a table `t`, and a client.
async fn start() -> (TempDir, RestCatalog, Client) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = RestCatalog::start_in_folder(folder.path(), Access::default());
    let client = client(&catalog.endpoint, &[]).await;
    create(&client, "t").await;
    (folder, catalog, client)
}

/// Appends a snapshot without files to a state of a table.
async fn append(client: &dyn Catalog, table: &Table) -> iceberg::Result<Table> {
    let transaction = Transaction::new(table);
    let by = HashMap::from([("by".to_owned(), "test".to_owned())]);
    let append = transaction.fast_append().set_snapshot_properties(by);
    let transaction = append.apply(transaction)?;
    transaction.commit(client).await
}

#[tokio::test]
async fn tables_are_created_changed_renamed_and_dropped() {
    let (folder, catalog, client) = start().await;
    assert_eq!(client.list_namespaces(None).await.unwrap(), [namespace()]);
    assert!(client.namespace_exists(&namespace()).await.unwrap());
    assert_eq!(
        client.list_tables(&namespace()).await.unwrap(),
        [table("t")]
    );
    let again = client.create_namespace(&namespace(), HashMap::new()).await;
    assert_eq!(again.unwrap_err().kind(), ErrorKind::NamespaceAlreadyExists);
    let again = client.create_table(&namespace(), creation("t")).await;
    assert_eq!(again.unwrap_err().kind(), ErrorKind::TableAlreadyExists);

    let loaded = client.load_table(&table("t")).await.unwrap();
    let first = loaded.metadata_location().unwrap().to_owned();
    assert!(first.contains("/metadata/00000-"), "{first}");
    let committed = append(&client, &loaded).await.unwrap();
    let second = committed.metadata_location().unwrap();
    assert!(second.contains("/metadata/00001-"), "{second}");
    assert_eq!(
        catalog.metadata_location("a b", "t").as_deref(),
        Some(second)
    );
    let content = fs::read(second.strip_prefix("file://").unwrap()).unwrap();
    let content: iceberg::spec::TableMetadata = serde_json::from_slice(&content).unwrap();
    assert_eq!(content, *committed.metadata());
    assert_eq!(content.properties()["p"], "0");
    assert_eq!(content.metadata_log()[0].metadata_file, first);

    let (from, to) = (table("t"), table("other"));
    client.rename_table(&from, &to).await.unwrap();
    assert!(!client.table_exists(&from).await.unwrap());
    let missing = client.load_table(&from).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::TableNotFound);
    client
        .create_table(&namespace(), creation("t"))
        .await
        .unwrap();
    let taken = client.rename_table(&from, &to).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::TableAlreadyExists);
    client.drop_namespace(&namespace()).await.unwrap_err();
    client.drop_table(&from).await.unwrap();
    client.purge_table(&to).await.unwrap();
    assert!(!fs::exists(second.strip_prefix("file://").unwrap()).unwrap());
    client.drop_namespace(&namespace()).await.unwrap();
    assert!(!client.namespace_exists(&namespace()).await.unwrap());
    assert!(folder.path().exists());
    assert_eq!(
        (catalog.calls("createTable"), catalog.calls("getConfig")),
        (3, 1)
    );
}

#[tokio::test]
async fn one_of_two_commits_on_a_snapshot_wins() {
    let (_folder, catalog, client) = start().await;
    let stale = client.load_table(&table("t")).await.unwrap();
    let first = append(&client, &stale).await.unwrap();
    let location = first.metadata_location().unwrap();
    // A transaction loads the table again, so the stale one is sent as it is.
    let metadata = stale.metadata();
    let requirement =
        serde_json::json!({ "type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": null });
    let uuid = serde_json::json!({ "type": "assert-table-uuid", "uuid": metadata.uuid() });
    let update = serde_json::json!({ "action": "set-properties", "updates": { "p": "1" } });
    let body = serde_json::json!({ "requirements": [uuid, requirement], "updates": [update] });
    let answer = post(&catalog, "/v1/namespaces/a%20b/tables/t", &body.to_string()).await;
    assert_eq!(answer.0, 409);
    assert!(answer.1.contains("CommitFailedException"), "{}", answer.1);
    assert_eq!(
        catalog.metadata_location("a b", "t").as_deref(),
        Some(location)
    );
    let body = serde_json::json!({ "requirements": [uuid], "updates": [update] });
    let answer = post(&catalog, "/v1/namespaces/a%20b/tables/t", &body.to_string()).await;
    assert_eq!(answer.0, 200);
    let loaded = client.load_table(&table("t")).await.unwrap();
    assert_eq!(loaded.metadata().properties()["p"], "1");
}

/// Sends a request by hand. Returns the status and the body.
async fn post(catalog: &RestCatalog, path: &str, body: &str) -> (u16, String) {
    use http_body_util::{BodyExt as _, Full};
    let address = catalog.endpoint.trim_start_matches("http://");
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let stream = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let body = Full::new(bytes::Bytes::from(body.to_owned()));
    let request = hyper::Request::post(path).header("host", address);
    let answer = sender.send_request(request.body(body).unwrap()).await;
    let (head, body) = answer.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    (head.status.as_u16(), body)
}

#[tokio::test]
async fn a_commit_fails_on_command_and_its_answer_gets_lost() {
    let (_folder, catalog, client_without_faults) = start().await;
    let proxy = Proxy::start(&catalog.endpoint);
    let client = client(&proxy.endpoint, &[]).await;
    let base = client.load_table(&table("t")).await.unwrap();
    let location = || catalog.metadata_location("a b", "t").unwrap();
    let first = location();
    catalog.fail(
        "updateTable",
        1,
        &failure(503, "ServiceUnavailable", "later"),
    );
    append(&client, &base).await.unwrap_err();
    assert_eq!(location(), first);
    for fault in [
        Fault::ResetAfter,
        Fault::catalog_after(500, "InternalServerError"),
    ] {
        let before = location();
        let rule = proxy.add(Rule::new(fault).method("POST").path("/tables/t"));
        append(&client, &base).await.unwrap_err();
        assert_eq!(proxy.hits(rule), 1);
        assert_ne!(location(), before);
    }
    // A transaction repeats what conflicts, on the table as it is then.
    catalog.fail(
        "updateTable",
        1,
        &failure(409, "CommitFailedException", "no"),
    );
    append(&client, &base).await.unwrap();
    let loaded = client_without_faults.load_table(&table("t")).await.unwrap();
    assert_eq!(loaded.metadata().snapshots().count(), 3);
    assert_eq!(catalog.calls("updateTable"), 5);
}

#[tokio::test]
async fn a_client_needs_the_token_and_the_name_of_the_warehouse() {
    let folder = tempfile::tempdir().unwrap();
    let access = Access {
        warehouse: Some("main".into()),
        token: Some("secret".into()),
    };
    let catalog = RestCatalog::start_in_folder(folder.path(), access);
    let warehouse = ("warehouse", "main");
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[warehouse, ("token", "wrong")], "401"),
        (&[warehouse], "401"),
        (&[("token", "secret"), ("warehouse", "other")], "404"),
        (&[("token", "secret")], "400"),
    ];
    for (more, status) in cases {
        let client = client(&catalog.endpoint, more).await;
        let failed = client.list_namespaces(None).await.unwrap_err().to_string();
        assert!(failed.contains(status), "{failed}");
    }
    let client = client(&catalog.endpoint, &[warehouse, ("token", "secret")]).await;
    create(&client, "t").await;
    assert!(client.table_exists(&table("t")).await.unwrap());
}

#[tokio::test]
async fn metadata_is_in_a_bucket() {
    let s3 = S3::start();
    let bucket = s3.bucket("warehouse");
    let catalog = RestCatalog::start_in_bucket(&s3, "s3://warehouse/tables", Access::default());
    let client = client(&catalog.endpoint, &[]).await;
    let created = create(&client, "t").await;
    let location = created.metadata_location().unwrap();
    let key = location.strip_prefix("s3://warehouse/").unwrap();
    assert!(key.starts_with("tables/a b/t-"), "{key}");
    assert!(bucket.join(key).exists());
    client.purge_table(&table("t")).await.unwrap();
    assert!(!bucket.join(key).exists());
}

#[tokio::test]
async fn a_proxy_of_two_services_sends_each_request_to_its_own() {
    let (_folder, catalog, _client) = start().await;
    let s3 = S3::start();
    s3.bucket("lake");
    let proxy = Proxy::start_for(&[("/v1/", &catalog.endpoint), ("/", &s3.endpoint)]);
    let client = client(&proxy.endpoint, &[]).await;
    assert!(client.table_exists(&table("t")).await.unwrap());
    let list = super::super::s3::client(&proxy.endpoint).list_objects_v2();
    list.bucket("lake").send().await.unwrap();
    assert_eq!(proxy.untouched(), 3);
}
