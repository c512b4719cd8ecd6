//! The settings of AWS: which credentials, endpoints and names of streams and queues work.

mod arns;
mod connections;
mod credentials;
mod endpoints;
mod region;
mod schemas;

use std::process::Command;

use crate::support::program::Place;

/// The command with a profile of this configuration file instead of the keys in its environment.
fn with_profile(place: &Place, command: &mut Command, profile: &str, config: &str) {
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("AWS_CONFIG_FILE", place.write("aws-config", config))
        .env("AWS_PROFILE", profile);
}
