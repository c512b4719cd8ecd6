//! Local mode: files into folders, without an account or a server.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use wasmtime::Engine;

use crate::compute::Compute;
use crate::config::{RunSettings, SummaryFormat};
use crate::ledger::Ledger;
use crate::ledger::store::LedgerFile;
use crate::pipeline::{Host, Plan, Shard, run_shard};
use crate::progress::{Progress, Summary};
use crate::sink::directory::{DirectoryBus, DirectoryLake};
use crate::source::file::{self, Location};
use crate::transform::ENRICH;
use crate::transform::admit::{Release, admit};
use crate::transform::engine::engine;
use crate::transform::registry::Registry;
use crate::transform::release::Offer;

/// How often a run that nobody watches says where it is.
const PLAIN_PROGRESS_EVERY: Duration = Duration::from_secs(5);
const BAR_EVERY: Duration = Duration::from_millis(200);

/// Lands all sources and says what was done.
///
/// # Errors
/// A component that is refused, and whatever ends a shard before its end.
pub fn run(settings: RunSettings) -> anyhow::Result<()> {
    let started = Instant::now();
    let (summary_format, bus) = (settings.summary, settings.bus.clone());
    let (lake, sources) = (settings.lake.clone(), settings.sources.len());
    let local = Local::new(settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let release = local.release.id();
    let summary = runtime.block_on(async {
        let host = local.host.clone();
        let watcher = tokio::spawn(async move { watch(&host.progress).await });
        let landed = local.run().await;
        watcher.abort();
        landed.map(|()| local.host.progress.summary(started, release))
    })?;
    match summary_format {
        SummaryFormat::Json => println!("{}", serde_json::to_string(&summary)?),
        SummaryFormat::Text => print!("{}", describe(&summary, &lake, bus.as_deref(), sources)),
        SummaryFormat::None => {}
    }
    Ok(())
}

struct Local {
    settings: RunSettings,
    engine: Engine,
    registry: Registry,
    offer: Offer,
    release: Arc<Release>,
    host: Arc<Host>,
}

impl Local {
    fn new(settings: RunSettings) -> anyhow::Result<Self> {
        let (component, name) = match &settings.transform {
            None => (ENRICH.to_vec(), "the built-in transform".to_owned()),
            Some(path) => {
                let name = path.display().to_string();
                (
                    std::fs::read(path).with_context(|| format!("cannot read {name}"))?,
                    name,
                )
            }
        };
        let offer = Offer::new(component, &settings.settings)
            .map_err(|why| anyhow::anyhow!("settings: {why}"))?;
        let engine = engine(&settings.limits, settings.threads)
            .map_err(|error| anyhow::anyhow!("cannot start the sandbox: {error:#}"))?;
        let release = admit(&engine, &offer, &settings.limits)
            .with_context(|| format!("{name} is refused"))?;
        tracing::info!(release = %release.id(), transform = release.name(), "serving");
        let lake = DirectoryLake::new(settings.lake.clone());
        let registry = Registry::new(lake.own_folder());
        let host = Host {
            compute: Compute::new(settings.threads)?,
            lake,
            bus: settings.bus.clone().map(DirectoryBus::new),
            chunk_limits: settings.chunk,
            max_partitions: settings.limits.partitions,
            format: settings.format,
            level: settings.level,
            progress: Progress::default(),
        };
        Ok(Self {
            settings,
            engine,
            registry,
            offer,
            release: Arc::new(release),
            host: Arc::new(host),
        })
    }

    async fn run(&self) -> anyhow::Result<()> {
        for source in &self.settings.sources {
            self.run_source(source).await?;
        }
        Ok(())
    }

    async fn run_source(&self, location: &Location) -> anyhow::Result<()> {
        let opened = file::open(location)?;
        let name = opened.name().to_owned();
        let shard_id = opened.shard().clone();
        let ledger = LedgerFile::open(&self.host.lake.own_folder().join("ledger"), &shard_id)?;
        let lake_scratch = Arc::new(self.host.lake.scratch(&shard_id)?);
        let bus = self.host.bus.as_ref();
        let bus_scratch = bus
            .map(|bus| bus.scratch(&shard_id))
            .transpose()?
            .map(Arc::new);
        self.registry
            .keep(&self.offer, &lake_scratch)
            .context("cannot keep the release in the lake")?;
        let replay = self.replay_plan(ledger.ledger())?;
        let committed = ledger.ledger().committed();
        let before = committed.map_or(0, |committed| committed.records);
        self.host.progress.found_committed(before);
        let cut = ledger.ledger().pending().map(|pending| pending.range.last);
        let mut shard = Shard {
            slices: opened.read(committed, cut)?,
            ledger,
            lake_scratch,
            bus_scratch,
        };
        let landed = run_shard(&self.host, &mut shard, replay.as_ref(), &self.fresh_plan()).await;
        landed.with_context(|| name.clone())?;
        for scratch in [Some(shard.lake_scratch), shard.bus_scratch]
            .into_iter()
            .flatten()
        {
            if let Some(scratch) = Arc::into_inner(scratch) {
                scratch.close().with_context(|| name.clone())?;
            }
        }
        Ok(())
    }

    fn fresh_plan(&self) -> Plan {
        Plan {
            release: self.release.clone(),
            format: self.settings.format,
            range: None,
            condemned: Arc::new([]),
        }
    }

    /// What an interrupted run had begun to write is finished with its own release and format.
    fn replay_plan(&self, ledger: &Ledger) -> anyhow::Result<Option<Plan>> {
        let Some(pending) = ledger.pending() else {
            return Ok(None);
        };
        let release = if pending.release == self.release.id() {
            self.release.clone()
        } else {
            let offer = self.registry.get(pending.release)?;
            let release = admit(&self.engine, &offer, &self.settings.limits);
            let refused = || format!("release {}, which has a range to finish", pending.release);
            Arc::new(release.with_context(refused)?)
        };
        Ok(Some(Plan {
            release,
            format: pending.format,
            range: Some(pending.range),
            condemned: pending.condemned.clone().into(),
        }))
    }
}

async fn watch(progress: &Progress) {
    let started = Instant::now();
    if io::stderr().is_terminal() {
        let style = ProgressStyle::with_template("{spinner} {msg}")
            .unwrap_or(ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner().with_style(style);
        loop {
            bar.set_message(position(progress, started));
            bar.tick();
            tokio::time::sleep(BAR_EVERY).await;
        }
    }
    loop {
        tokio::time::sleep(PLAIN_PROGRESS_EVERY).await;
        eprintln!("sluice: {}", position(progress, started));
    }
}

fn position(progress: &Progress, started: Instant) -> String {
    let (read, committed) = (progress.read_records(), progress.committed_records());
    let rate = per_second(read, started.elapsed().as_secs_f64());
    format!(
        "{} records read, {} committed, {}/s",
        HumanCount(read),
        HumanCount(committed),
        HumanCount(rate)
    )
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
fn per_second(count: u64, seconds: f64) -> u64 {
    (count as f64 / seconds.max(0.001)) as u64
}

/// The summary for people.
fn describe(summary: &Summary, lake: &Path, bus: Option<&Path>, sources: usize) -> String {
    let count = |number: u64| HumanCount(number).to_string();
    let lake = lake.display();
    let mut lines = Vec::new();
    if summary.records == 0 {
        let what = if sources == 1 {
            "the source"
        } else {
            "the sources"
        };
        lines.push(match summary.already_committed {
            0 => format!("nothing to do: there is no record in {what}"),
            done => format!(
                "nothing to do: all {} records of {what} are in the lake",
                count(done)
            ),
        });
    } else {
        lines.push(format!(
            "{} records ({}) in {} s, {} records/s, release {}",
            count(summary.records),
            HumanBytes(summary.bytes_in),
            summary.seconds,
            count(per_second(summary.records, summary.seconds)),
            &summary.release[..8]
        ));
        lines.push(format!(
            "  events      {:>12}  in {} objects, {} in all, in {lake}",
            count(summary.events),
            count(summary.objects),
            HumanBytes(summary.bytes_out)
        ));
        let bus = bus.map_or("the bus is off".into(), |bus| {
            format!("in {}", bus.display())
        });
        lines.push(format!(
            "  messages    {:>12}  {bus}",
            count(summary.messages)
        ));
        lines.push(format!(
            "  rejected    {:>12}  {}",
            count(summary.rejected),
            match summary.rejected {
                0 => String::new(),
                _ => format!("with their reasons in {lake}/_sluice/quarantine"),
            }
        ));
        lines.push(format!(
            "  dropped     {:>12}  by the transform",
            count(summary.dropped)
        ));
        if summary.already_committed > 0 {
            let before = count(summary.already_committed);
            lines.push(format!(
                "  before      {before:>12}  records that earlier runs had landed"
            ));
        }
    }
    if summary.blank_lines > 0 {
        lines.push(format!(
            "  empty lines {:>12}  no records",
            count(summary.blank_lines)
        ));
    }
    lines
        .iter()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}
