//! A registry of which a part cannot be read for a while.

use crate::metrics::watched::{metrics, status};
use crate::support::cloud::Service::S3;
use crate::swaps::fixture::{Kept, ReleaseFixture, stamp, wait_until_active};
use testkit::proxy::{Fault, Rule};

#[test]
fn a_release_that_cannot_be_read_for_a_while_is_not_an_admission_error() {
    let mut fixture = ReleaseFixture::new(1, Kept::InS3);
    let (first, second) = (
        fixture.stamped(&stamp("first")),
        fixture.stamped(&stamp("second")),
    );
    fixture.activate(&first, &[]);
    let mut worker = fixture.watched(&[]);
    wait_until_active(&mut worker, &first);
    let lost = Rule::new(Fault::ResetBefore).method("GET");
    let lost = lost.path(&format!("releases/{second}.json")).always();
    let lost = fixture.cloud.proxy(S3).add(lost);
    let failed = |at| metrics(at).count("sluice_registry_failures_total", &[]);
    // The activating process reaches the registry directly.
    let activate = ["activate", &second];
    let mut activate = fixture.tool(&activate);
    activate.env("AWS_ENDPOINT_URL_S3", &fixture.cloud.s3.endpoint);
    assert!(activate.output().unwrap().status.success());
    worker.until(|at| failed(at) >= 2);
    assert_eq!(status(worker.address)["release"], first);
    fixture.cloud.proxy(S3).remove(lost);
    wait_until_active(&mut worker, &second);
    fixture.put(5);
    let all = fixture.records();
    worker.until(|_| fixture.landed() == all);
    let errors = metrics(worker.address).all("sluice_release_admission_errors_total");
    assert_eq!(errors.len(), 0, "{errors:?}");
}
