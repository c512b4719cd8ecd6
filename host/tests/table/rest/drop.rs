//! Answers to a drop that do not say what has become of the table.

use testkit::proxy::{Fault, Rule};
use testkit::rest_catalog::failure;

use super::{behind_proxy, catalog, grow};

#[test]
fn files_are_purged_after_a_drop_that_says_there_is_no_such_table() {
    let (table, proxy) = behind_proxy();
    table.create(&[]);
    grow(&table, 0..10);
    // Nothing has happened to the table.
    let why = failure(503, "ServiceUnavailableException", "on command");
    catalog(&table).fail("dropTable", 1, &why);
    let drop = ["--yes", "--purge"];
    table
        .run("drop", &drop)
        .failed(1, &["cannot drop the table"]);
    table.has_the_lake();
    // The first request has lost its answer, and this is the one to its retry.
    let missing = Fault::catalog_after(404, "NoSuchTableException");
    let lost = proxy.add(Rule::new(missing).method("DELETE"));
    table.run("drop", &drop).succeeded();
    assert_eq!(proxy.hits(lost), 1);
    assert!(table.warehouse.data_files().is_empty());
}
