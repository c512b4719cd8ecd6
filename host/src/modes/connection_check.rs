//! Tries what a run would connect to (`sluice config check --connect`). Nothing is written or sent.

#[cfg(feature = "table")]
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use aws_config::SdkConfig;
use sluice_engine::sanitize::sanitize;
use sluice_release::registry::{Known, Registry};
use sluice_storage::aws;
use sluice_storage::error::{Operation, RequestError, StorageError};
use sluice_storage::folder::FolderStore;
use sluice_storage::location::StoreLocation;
use sluice_storage::object_store::{ObjectStore, Payload, Version};
use sluice_storage::retry::RetryPolicy;
use sluice_storage::s3::S3Store;
use sluice_storage::s3::reader::ObjectReader;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

use super::archive;
use super::follow::check_not_mistyped;
use super::source_files;
use super::table_schema;
use crate::config::{ArchiveSettings, RegistryConfig, RunSettings, SchemaObject, TableSource};
use crate::output;
use crate::output::{OutputError, with_causes};
use crate::sink::SinkError;
use crate::sink::bus::{BusTarget, ConnectOptions};
use crate::source::file;
use crate::source::file::Location;
use crate::source::kinesis::api::Start;
use crate::source::kinesis::{KinesisError, Stream, StreamAddress};

/// The folder of the ledgers in a lake, which a run reads first.
const LEDGERS: &str = "_sluice/ledger/";

/// A key that no object has. It is in the folder where policies of a bucket allow writes with `If-Match`.
const ABSENT_KEY: &str = "_sluice/ledger/connection-check";

/// An `ETag` that no object has.
const ABSENT_VERSION: &str = "\"00000000000000000000000000000000\"";

/// Why a connection is not tried.
const NEEDS_AWS: &str = "needs the region, the endpoints and the credentials";

/// Tries all connections of the settings and prints a line about each.
///
/// # Errors
/// At least one of them does not work.
pub fn run(settings: &RunSettings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut report = Report::default();
        let sdk = if uses_aws(settings) {
            load_sdk(&mut report).await?
        } else {
            None
        };
        let check = ConnectionCheck {
            settings,
            sdk: sdk.as_ref(),
            once: settings.retry_policy.for_one_attempt(),
        };
        check.all(&mut report).await?;
        report.conclude()
    })
}

fn uses_aws(settings: &RunSettings) -> bool {
    let is_s3 = |location: &StoreLocation| matches!(location, StoreLocation::S3 { .. });
    let registry = settings.registry.as_ref();
    let archive = settings.mode.archive();
    settings.mode.stream().is_some()
        || archive.is_some_and(|archive| is_s3(&archive.location))
        || source_files::in_s3(settings).next().is_some()
        || schema_object(settings).is_some()
        || is_s3(&settings.lake)
        || settings.archive.as_ref().is_some_and(is_s3)
        || registry.is_some_and(|registry| is_s3(&registry.target))
        || settings.bus.as_ref().is_some_and(is_service)
        || is_table_in_aws(settings)
}

#[cfg(feature = "table")]
fn is_table_in_aws(settings: &RunSettings) -> bool {
    table::location(settings).is_some_and(|location| table::uses_aws(&location))
}

#[cfg(not(feature = "table"))]
fn is_table_in_aws(_: &RunSettings) -> bool {
    false
}

fn schema_object(settings: &RunSettings) -> Option<&SchemaObject> {
    settings.table.as_ref().and_then(TableSource::object)
}

fn is_service(bus: &BusTarget) -> bool {
    bus.folder().is_none()
}

/// The configuration of AWS, if a run could use it.
async fn load_sdk(report: &mut Report) -> Result<Option<SdkConfig>, OutputError> {
    let sdk = aws::load_unchecked().await;
    if let Err(error) = aws::check_endpoints(&sdk) {
        report.line::<&str, _>("endpoint", Err(error))?;
        return Ok(None);
    }
    let region = aws::check_region(&sdk);
    let name = sdk.region().map(ToString::to_string).unwrap_or_default();
    report.line("region", region.as_ref().map(|()| name))?;
    if region.is_err() {
        return Ok(None);
    }
    let credentials = aws::check_credentials(&sdk).await;
    let loaded = credentials
        .as_ref()
        .map(|()| "can be loaded; the requests below try them");
    report.line("credentials", loaded)?;
    Ok(credentials.is_ok().then_some(sdk))
}

struct ConnectionCheck<'a> {
    settings: &'a RunSettings,
    /// `None` if no connection needs it, or if it cannot be used.
    sdk: Option<&'a SdkConfig>,
    once: RetryPolicy,
}

impl ConnectionCheck<'_> {
    async fn all(&self, report: &mut Report) -> Result<(), OutputError> {
        if let Some(stream) = self.settings.mode.stream() {
            self.source(&stream.stream, report).await?;
        }
        for source in source_files::in_s3(self.settings) {
            self.objects(source, report).await?;
        }
        if let Some(archive) = self.settings.mode.archive() {
            self.source_archive(archive, report).await?;
        }
        self.lake(report).await?;
        if let Some(archive) = &self.settings.archive {
            self.archive(archive, report).await?;
        }
        if let Some(bus) = &self.settings.bus {
            self.bus(bus, report).await?;
        }
        if let Some(registry) = &self.settings.registry {
            self.registry(registry, report).await?;
        }
        if let Some(object) = schema_object(self.settings) {
            self.schema(object, report).await?;
        }
        #[cfg(feature = "table")]
        if let Some(location) = table::location(self.settings) {
            self.table(&location, report).await?;
        }
        Ok(())
    }

    async fn source(
        &self,
        address: &StreamAddress,
        report: &mut Report,
    ) -> Result<(), OutputError> {
        let Some(sdk) = self.sdk else {
            return report.skip("source", NEEDS_AWS);
        };
        let read = read_stream(&Stream::connect(sdk, address)).await;
        let place = format!("the stream {address}");
        let read = read.map_err(KinesisError::into_request_error);
        report.line_about("source", &place, read)
    }

    /// Lists what a source names in S3, and opens the first object.
    async fn objects(&self, source: &Location, report: &mut Report) -> Result<(), OutputError> {
        let Some(sdk) = self.sdk else {
            return report.skip("source", NEEDS_AWS);
        };
        let reader = ObjectReader::new(aws::s3(sdk), self.once.clone(), Handle::current());
        let mut found = file::expand(std::slice::from_ref(source), Some(&reader)).await;
        if let Some(error) = found.failed.pop() {
            return report.line::<&str, _>("source", Err(error));
        }
        let Some(first) = found.files.first() else {
            return report.line::<_, RequestError>("source", Ok(found.empty.join("; ")));
        };
        match file::check(&first.location, &self.settings.files) {
            Ok(()) => {
                let objects = output::counted(found.files.len() as u64, "object");
                let read = format!("can be listed and read: {objects}");
                report.line_about::<_, RequestError>("source", &source.name(), Ok(read))
            }
            Err(error) => report.line::<&str, _>("source", Err(error)),
        }
    }

    /// Lists the archive that is the source, and reads one of its objects.
    async fn source_archive(
        &self,
        archive: &ArchiveSettings,
        report: &mut Report,
    ) -> Result<(), OutputError> {
        let Some(store) = self.store(&archive.location) else {
            return report.skip("source", NEEDS_AWS);
        };
        match archive::try_reading(archive, &*store).await {
            Ok(found) => {
                let place = format!("the archive {}", archive.location);
                report.line_about::<_, RequestError>("source", &place, Ok(found))
            }
            Err(error) => report.line::<&str, _>("source", Err(with_causes(&error))),
        }
    }

    async fn lake(&self, report: &mut Report) -> Result<(), OutputError> {
        let place = self.settings.lake.to_string();
        if matches!(self.settings.lake, StoreLocation::Folder(_)) {
            return report.skip("lake", &format!("{place} is a folder; it was not tried"));
        }
        match self.store(&self.settings.lake) {
            None => report.skip("lake", NEEDS_AWS),
            Some(store) => match use_lake(&*store).await {
                Ok(found) => report.line_about::<_, RequestError>("lake", &place, Ok(found)),
                Err(error) => report.line::<&str, _>("lake", Err(error)),
            },
        }
    }

    async fn archive(
        &self,
        location: &StoreLocation,
        report: &mut Report,
    ) -> Result<(), OutputError> {
        if let StoreLocation::Folder(folder) = location {
            let why = format!("{} is a folder; it was not tried", folder.display());
            return report.skip("archive", &why);
        }
        let Some(store) = self.store(location) else {
            return report.skip("archive", NEEDS_AWS);
        };
        // An object that cannot exist: a bucket that is missing or denies access answers otherwise.
        let read = store.get(ABSENT_KEY, 0).await;
        let found = read.map(|_| format!("{location} can be read; writing was not tried"));
        report.line("archive", found)
    }

    async fn bus(&self, bus: &BusTarget, report: &mut Report) -> Result<(), OutputError> {
        if !is_service(bus) {
            return report.skip("bus", &format!("{bus} is a folder; it was not tried"));
        }
        if self.sdk.is_none() {
            return report.skip("bus", NEEDS_AWS);
        }
        let lake = self.settings.lake.to_string();
        let options = ConnectOptions {
            sdk: &OnceCell::new_with(self.sdk.cloned()),
            lake: &lake,
            retry_policy: &self.once,
            messages: &self.settings.messages,
        };
        let found = |max: Option<usize>| match max {
            Some(bytes) => {
                format!("{bus} exists and takes events of {bytes} bytes; sending was not tried")
            }
            None => format!("{bus} exists; sending was not tried"),
        };
        let connected = bus.connect(options).await;
        let connected: Result<_, SinkError> = connected.map(|bus| found(bus.rules.event_bytes));
        report.line("bus", connected)
    }

    async fn registry(
        &self,
        config: &RegistryConfig,
        report: &mut Report,
    ) -> Result<(), OutputError> {
        let location = &config.target;
        let Some(store) = self.store(location) else {
            return report.skip("registry", NEEDS_AWS);
        };
        let registry = Registry::new(store, Known::default());
        report.line("registry", read_registry(&registry, config).await)
    }

    async fn schema(&self, object: &SchemaObject, report: &mut Report) -> Result<(), OutputError> {
        let Some(store) = self.store(&table_schema::bucket(object)) else {
            return report.skip("schema", NEEDS_AWS);
        };
        let read = table_schema::read(&*store, object).await;
        let found = read.map(|schema| format!("{object} has the schema {}", schema.digest()));
        report.line("schema", found)
    }

    /// The store at a location; `None` if it needs AWS, which cannot be used.
    fn store(&self, location: &StoreLocation) -> Option<Arc<dyn ObjectStore>> {
        Some(match location {
            StoreLocation::Folder(root) => Arc::new(FolderStore::shared(root.clone())),
            StoreLocation::S3 { bucket, prefix } => {
                let (bucket, prefix) = (bucket.clone(), prefix.clone());
                let client = aws::s3(self.sdk?);
                Arc::new(S3Store::new(client, bucket, prefix, self.once.clone()))
            }
        })
    }
}

/// Reads the active release, as the start of a run does.
async fn read_registry(registry: &Registry, config: &RegistryConfig) -> anyhow::Result<String> {
    let location = &config.target;
    let active = registry.active().await?;
    if active.rollout.number == 0 {
        check_not_mistyped(registry, config).await?;
    }
    Ok(match active.rollout.active {
        Some(release) => format!("{location} has the active release {}", release.short()),
        None => format!("{location} can be read; no release is active yet"),
    })
}

/// Lists the shards, reads a record of the first one, and describes the stream.
async fn read_stream(stream: &Stream) -> Result<String, KinesisError> {
    let shards = stream.list_shards().await?;
    let Some(shard) = shards.first() else {
        return Ok("has no shards yet".into());
    };
    let iterator = stream.iterator(&shard.id, Start::TrimHorizon).await?;
    stream.get(&iterator, 1).await?;
    stream.describe().await?;
    Ok(format!("can be read; its shards: {}", shards.len()))
}

/// Lists and reads ledgers, and asks for a write whose condition cannot hold: it shows whether writes are allowed, and
/// leaves nothing.
async fn use_lake(store: &dyn ObjectStore) -> Result<String, StorageError> {
    let mut ledgers = 0_u64;
    store.list(LEDGERS, &mut |_| ledgers += 1).await?;
    store.get(ABSENT_KEY, 0).await?;
    let (nothing, seen) = (Payload::from(Vec::new()), Version(ABSENT_VERSION.into()));
    let written = store.compare_and_swap(ABSENT_KEY, nothing, Some(&seen));
    match written.await {
        Err(error) if error.is_conflict() => Ok(format!(
            "can be listed, read and written; its ledgers: {ledgers}"
        )),
        Err(error) => Err(error),
        Ok(_) => {
            let removed = store.remove(ABSENT_KEY).await;
            let place = store.place(ABSENT_KEY);
            Err(ignores_conditions(place, removed.is_ok()))
        }
    }
}

/// The service has written an object although the condition of the write did not hold.
fn ignores_conditions(place: String, is_removed: bool) -> StorageError {
    let why =
        "the service ignores the condition If-Match, so two workers could both write a ledger";
    let advice = if is_removed {
        "use a service that supports conditional writes"
    } else {
        "use a service that supports conditional writes, and remove this object"
    };
    StorageError {
        operation: Operation::Write,
        place,
        cause: RequestError::invalid(why, advice),
    }
}

/// What was tried so far.
#[derive(Default)]
struct Report {
    tried: usize,
    failed: usize,
}

impl Report {
    /// Prints what was found about a connection, or why it does not work.
    fn line<T: ToString, E: ToString>(
        &mut self,
        what: &str,
        result: Result<T, E>,
    ) -> Result<(), OutputError> {
        self.tried += 1;
        self.failed += usize::from(result.is_err());
        let (word, text) = match result {
            Ok(found) => ("ok", found.to_string()),
            Err(why) => ("failed", why.to_string()),
        };
        output::line(format_args!("{word:<9}{what:<13}{}", sanitize(&text)))
    }

    /// As [`line`](Self::line), with the place before it.
    fn line_about<T: ToString, E: ToString>(
        &mut self,
        what: &str,
        place: &str,
        result: Result<T, E>,
    ) -> Result<(), OutputError> {
        let found = result.map(|found| format!("{place} {}", found.to_string()));
        let found = found.map_err(|why| format!("{place}: {}", why.to_string()));
        self.line(what, found)
    }

    /// Prints that a connection was not tried, and why.
    fn skip(&self, what: &str, why: &str) -> Result<(), OutputError> {
        let why = sanitize(why);
        output::line(format_args!("{:<9}{what:<13}{why}", "skipped"))
    }

    fn conclude(self) -> anyhow::Result<()> {
        let Self { tried, failed } = self;
        let tried = output::counted(tried as u64, "check");
        anyhow::ensure!(failed == 0, "{failed} of {tried} failed");
        Ok(())
    }
}
