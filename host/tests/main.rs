//! The behavior of Sluice from outside: its commands, failing services, kills, and hostile
//! transforms.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test may panic"
)]

mod support;

mod address_space;
mod admission;
mod archive;
mod archive_source;
mod audit;
mod author;
mod aws_settings;
mod bus;
mod call_modes;
mod caught_up;
#[cfg(feature = "console")]
mod console;
#[cfg(feature = "table")]
mod consumers;
mod contract;
mod copy;
mod decoding;
mod documented;
mod enrich;
mod hostile;
mod jq;
mod kill;
mod kill_steps;
mod lambda;
mod layers;
mod local;
mod lost_records;
mod metrics;
mod misconfiguration;
mod model;
#[cfg(feature = "table")]
mod monitoring;
mod nasty_json;
mod neighbours;
mod objects;
mod outages;
mod parquet;
mod parts;
mod producers;
mod quarantine;
mod readers;
mod redrive;
mod redrive_kill;
mod replay;
mod rules;
mod runbook;
mod schema;
mod services;
mod soak;
mod standard_streams;
mod stops;
mod swaps;
#[cfg(feature = "table")]
mod table;
#[cfg(feature = "table")]
mod table_audit;
#[cfg(feature = "table")]
mod table_metrics;
#[cfg(feature = "table")]
mod table_rebuild;
mod takeovers;
mod worker;
