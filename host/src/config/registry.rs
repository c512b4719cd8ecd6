//! The registry that a run polls for releases.

use std::time::Duration;

use sluice_release::signature::PublicKey;
use sluice_storage::location::StoreLocation;

use super::target::parse_store;
use super::{ConfigError, RunArgs};

/// A registry, and how a run uses it.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    /// Where it is.
    pub target: StoreLocation,
    /// The interval between two polls.
    pub poll: Duration,
    /// The key that its releases must be signed with.
    pub public_key: Option<PublicKey>,
    /// Whether a run may start although nothing was ever published there.
    pub may_be_empty: bool,
    /// The flag with rules that the active release replaces, if there is one.
    pub instead_of: Option<&'static str>,
}

impl RegistryConfig {
    /// The shortest interval between two polls. A shorter one costs requests and gains nothing.
    const POLL_MIN: Duration = Duration::from_millis(100);

    /// Validates the settings of the registry and of `--watch`.
    ///
    /// # Errors
    /// The first setting that is wrong.
    pub fn validate(args: &RunArgs) -> Result<Option<Self>, ConfigError> {
        let key = args.public_key.as_deref().map(PublicKey::parse);
        let key = key.transpose();
        let public_key = key.map_err(|why| ConfigError::new("public_key", why))?;
        let Some(registry) = &args.registry else {
            let alone = [
                ("allow_empty_registry", args.allow_empty_registry),
                ("public_key", args.public_key.is_some()),
            ];
            let why = "needs a registry; give --registry file:DIR or s3://BUCKET/PREFIX";
            return match alone.into_iter().find(|(_, is_given)| *is_given) {
                Some((key, _)) => Err(ConfigError::new(key, why)),
                None => Ok(None),
            };
        };
        if args.watch {
            let why = "cannot be combined with --registry";
            return Err(ConfigError::new("watch", why));
        }
        if args.registry_poll < Self::POLL_MIN {
            let why = format!("must be {:?} or more", Self::POLL_MIN);
            return Err(ConfigError::new("registry_poll", why));
        }
        Ok(Some(Self {
            target: parse_store("registry", registry)?,
            poll: args.registry_poll,
            public_key,
            may_be_empty: args.allow_empty_registry,
            instead_of: None,
        }))
    }
}
