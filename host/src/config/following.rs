//! Which registry a run follows.

use std::time::Duration;

use super::{ConfigError, LakeTarget, RunArgs};
use crate::transform::signature::PublicKey;

/// A registry that is followed.
#[derive(Clone, Debug)]
pub struct Following {
    /// Where it is.
    pub registry: LakeTarget,
    /// How often it is looked at.
    pub poll: Duration,
    /// What its releases have to be signed with.
    pub public_key: Option<PublicKey>,
}

impl Following {
    /// The shortest time between two looks.
    const POLL_MIN: Duration = Duration::from_millis(100);

    /// Checks the settings that are about it.
    ///
    /// # Errors
    /// The first setting that is wrong.
    pub fn validate(args: &RunArgs) -> Result<Option<Self>, ConfigError> {
        if args.watch && args.transform.is_none() {
            let why = "give the file that is to be watched: --transform FILE";
            return Err(ConfigError::new("watch", why));
        }
        let Some(registry) = &args.registry else {
            return Ok(None);
        };
        if args.watch {
            let why = "either a file is watched or a registry is followed";
            return Err(ConfigError::new("watch", why));
        }
        if args.registry_poll < Self::POLL_MIN {
            let why = format!("must be {:?} or more", Self::POLL_MIN);
            return Err(ConfigError::new("registry_poll", why));
        }
        let key = args.public_key.as_deref().map(PublicKey::parse);
        let key = key.transpose();
        Ok(Some(Self {
            registry: LakeTarget::parse_as("registry", registry)?,
            poll: args.registry_poll,
            public_key: key.map_err(|why| ConfigError::new("public_key", why))?,
        }))
    }
}
