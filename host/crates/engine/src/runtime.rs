//! The wasmtime engine: one for the process, configured so that a guest is limited and deterministic.

use std::sync::Once;

use rustix::process::{Resource, getrlimit};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

use super::limits::{
    CORE_INSTANCES_PER_COMPONENT, MEMORIES_PER_COMPONENT, MEMORY_MAX_BYTES, TABLE_ELEMENTS,
    WASM_STACK_BYTES,
};

/// Instances besides those of the compute threads: for releases that are being loaded.
const SPARE_INSTANCES: u32 = 4;

/// The size limit of each instance's metadata.
const INSTANCE_METADATA_BYTES: usize = 1 << 20;

/// Memory of an instance that is cleared when the instance ends but stays mapped, so that the next one has
/// no page faults: what a batch of usual events touches.
const MEMORY_KEPT_RESIDENT_BYTES: usize = 2 << 20;

/// On demand, the address space that a memory reserves. Within it, a memory grows without being moved; it is twice
/// the usual limit.
const ON_DEMAND_RESERVATION_BYTES: u64 = 64 << 20;

/// On demand, the address space that a memory reserves beyond its size when it has outgrown its reservation.
const ON_DEMAND_GROWTH_BYTES: u64 = 16 << 20;

/// On demand, the address space after each memory, in which an access traps.
const ON_DEMAND_GUARD_BYTES: u64 = 64 << 10;

/// Where the memory of instances comes from. Compiled code depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// A pool of address space that is reserved at the start: 4 GiB for each memory, about 100 GB with two threads.
    /// Compiled code need not check the bounds of a memory, and an instance costs almost nothing.
    Pooling,
    /// A reservation for each instance, for environments that limit address space, such as `ulimit -v`.
    OnDemand,
}

impl Allocation {
    /// The allocation of an engine.
    #[must_use]
    pub fn of(engine: &Engine) -> Self {
        match engine.pooling_allocator_metrics() {
            Some(_) => Self::Pooling,
            None => Self::OnDemand,
        }
    }
}

/// The address space without which compiling a transform or making an instance fails.
const ADDRESS_SPACE_MIN_BYTES: u64 = 900 << 20;

/// Makes the engine for `threads` compute threads. If the address space of the pool is refused, the engine allocates
/// instances [on demand](Allocation::OnDemand), and a warning says so once. Limits and results are the same.
///
/// # Errors
/// The machine does not support the sandbox.
pub fn engine(threads: usize) -> wasmtime::Result<Engine> {
    static WARNED: Once = Once::new();
    let refused = match engine_with(Allocation::Pooling, threads) {
        Ok(engine) => return Ok(engine),
        Err(refused) => refused,
    };
    if let Some(limit) = getrlimit(Resource::As).current
        && limit < ADDRESS_SPACE_MIN_BYTES
    {
        return Err(wasmtime::Error::msg(format!(
            "the limit of address space is {} MiB (`ulimit -v`); the sandbox needs at least {} MiB",
            limit >> 20,
            ADDRESS_SPACE_MIN_BYTES >> 20
        )));
    }
    let Ok(engine) = engine_with(Allocation::OnDemand, threads) else {
        return Err(refused);
    };
    WARNED.call_once(|| {
        tracing::warn!(
            error = format!("{refused:#}"),
            "the address space for instances is refused: each batch costs more, with the same results; raise the \
             limit of address space (`ulimit -v unlimited`)"
        );
    });
    Ok(engine)
}

/// Makes the engine for `threads` compute threads with this allocation.
///
/// Compiled code counts fuel only. The deadline is checked whenever some fuel is consumed (`drive.rs`).
/// wasmtime's epochs would make each loop and each function check a second counter, which costs an eighth
/// of a usual batch.
///
/// Two proposals are enabled that a usual guest does not need. Code linked from libraries places its data
/// with extended constants. If the parts of a component call each other, the compiler generates modules
/// with two memories; without that proposal it panics.
///
/// One engine serves all limits of memory, because a chunk that is repeated has those that it was pinned with.
///
/// # Errors
/// The machine cannot reserve the address space.
pub fn engine_with(allocation: Allocation, threads: usize) -> wasmtime::Result<Engine> {
    let instances = u32::try_from(threads).unwrap_or(u32::MAX / 64) + SPARE_INSTANCES;
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .wasm_component_model(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(true)
        .wasm_tail_call(false)
        .wasm_extended_const(true);
    match allocation {
        Allocation::Pooling => {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)))
        }
        Allocation::OnDemand => config
            .allocation_strategy(InstanceAllocationStrategy::OnDemand)
            .memory_reservation(ON_DEMAND_RESERVATION_BYTES)
            .memory_reservation_for_growth(ON_DEMAND_GROWTH_BYTES)
            .memory_guard_size(ON_DEMAND_GUARD_BYTES),
    };
    Engine::new(&config)
}

fn pool(instances: u32) -> PoolingAllocationConfig {
    let core_instances = instances * CORE_INSTANCES_PER_COMPONENT;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(core_instances)
        .total_memories(instances * MEMORIES_PER_COMPONENT)
        .total_tables(core_instances)
        .total_stacks(instances)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_component_instance_size(INSTANCE_METADATA_BYTES)
        .max_core_instance_size(INSTANCE_METADATA_BYTES)
        .max_memory_size(MEMORY_MAX_BYTES)
        .table_elements(TABLE_ELEMENTS)
        .linear_memory_keep_resident(MEMORY_KEPT_RESIDENT_BYTES)
        .pagemap_scan(Enabled::Auto);
    pool
}
