//! A console that is attached to a test of another promise: it polls the workers and reads the lake while these are killed,
//! and must show in the end what an audit counts.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use super::client::{Console, Response};
use crate::support::program::Summary;

/// The ports of workers that start again at the same address. They are below those that systems choose for connections.
const PORTS: std::ops::Range<u16> = 11_000..32_000;

/// Where the search for the next free port begins.
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// A console whose Overview a browser shows.
pub(crate) struct AttachedConsole(Console);

impl AttachedConsole {
    /// Starts a command of the console.
    pub(crate) fn start(command: &mut Command) -> Self {
        let console = Console::start(command);
        console.live("/").drain();
        Self(console)
    }

    /// Waits until the pages show the records that an audit of the lake has counted.
    pub(crate) fn agrees_with(&self, audit: &Summary) {
        let [landed, quarantined, dropped, bus_only] =
            audit.counts(["in_lake", "quarantined", "dropped", "bus_only"]);
        let committed = landed + quarantined + dropped + bus_only;
        for (page, name, count) in [
            ("/", "Committed records", committed),
            ("/quarantine", "Records", quarantined),
        ] {
            let count = indicatif::HumanCount(count).to_string();
            let shows = |shown: &Response| shown.fact(name).as_deref() == Some(&*count);
            self.0.until(page, shows);
        }
    }
}

/// An address for a process that is killed and started again: nobody else gets its port in between.
pub(crate) fn lasting_address() -> String {
    let all = u32::from(PORTS.end - PORTS.start);
    // Tests of other processes begin their search elsewhere.
    let first = std::process::id() % all;
    let port = (0..all).find_map(|_| {
        let next = u32::from(NEXT_PORT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + u16::try_from((first + next) % all).unwrap();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
        Some(port)
    });
    format!("127.0.0.1:{}", port.expect("a free port"))
}
