//! Code that the tests share.

pub(crate) mod builder_leases;
pub(crate) mod cases;
pub(crate) mod cloud;
pub(crate) mod delivery;
pub(crate) mod guests;
pub(crate) mod lake;
pub(crate) mod lambda;
pub(crate) mod ledgers;
pub(crate) mod manifests;
pub(crate) mod outcomes;
pub(crate) mod packs;
pub(crate) mod program;
pub(crate) mod served;
pub(crate) mod soak_options;
