//! A registry of which a part cannot be read for a while.

use crate::metrics::watched::{metrics, status};
use crate::support::cloud::Service::S3;
use crate::swaps::shop::{Kept, Shop, serves, stamp};
use testkit::proxy::{Fault, Rule};

#[test]
fn a_release_that_cannot_be_read_for_a_while_is_not_an_admission_error() {
    let mut shop = Shop::new(1, Kept::InS3);
    let (first, second) = (
        shop.stamped(&stamp("first")),
        shop.stamped(&stamp("second")),
    );
    shop.activate(&first, &[]);
    let mut worker = shop.watched(&[]);
    serves(&mut worker, &first);
    let lost = Rule::new(Fault::ResetBefore).method("GET");
    let lost = lost.path(&format!("releases/{second}.json")).always();
    let lost = shop.cloud.proxy(S3).add(lost);
    let failed = |at| metrics(at).count("sluice_registry_failures_total", &[]);
    // The activating process reaches the registry directly.
    let activate = ["activate", &second];
    let mut activate = shop.tool(&activate);
    activate.env("AWS_ENDPOINT_URL_S3", &shop.cloud.s3.endpoint);
    assert!(activate.output().unwrap().status.success());
    worker.until(|at| failed(at) >= 2);
    assert_eq!(status(worker.address)["release"], first);
    shop.cloud.proxy(S3).remove(lost);
    serves(&mut worker, &second);
    shop.put(5);
    let all = shop.records();
    worker.until(|_| shop.landed() == all);
    let errors = metrics(worker.address).all("sluice_release_admission_errors_total");
    assert_eq!(errors.len(), 0, "{errors:?}");
}
