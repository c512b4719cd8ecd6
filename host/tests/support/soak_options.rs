//! How long tests with random accidents take, and from which seed these follow.

use std::env;

/// The duration and the seed of a soak.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SoakOptions {
    pub(crate) minutes: f64,
    pub(crate) seed: u64,
}

impl SoakOptions {
    /// Those of `SLUICE_SOAK_MINUTES` and `SLUICE_SOAK_SEED`. Without them, it takes this many minutes, and the seed is a
    /// random one.
    pub(crate) fn from_environment(minutes: f64) -> Self {
        let asked = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let of_user = asked("SLUICE_SOAK_MINUTES");
        let seed = asked("SLUICE_SOAK_SEED");
        Self {
            minutes: of_user.map_or(minutes, |minutes| minutes.parse().expect("minutes")),
            seed: seed.map_or_else(
                || rand::random::<u32>().into(),
                |seed| seed.parse().expect("a seed"),
            ),
        }
    }
}
