//! The wasmtime engine: one for the process, configured so that a guest is limited and deterministic.

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

use super::limits::{MEMORY_MAX_BYTES, TABLE_ELEMENTS, WASM_STACK_BYTES};

/// Instances besides those of the compute threads: for releases that are being loaded.
const SPARE_INSTANCES: u32 = 4;

/// A component consists of a few core instances: the author's module and its adapters. An interpreter
/// linked from libraries, with stubs for what it may not import, has 13.
const CORE_INSTANCES_PER_COMPONENT: u32 = 16;

/// Each part of such a component has its own memory. [`MemoryLimiter`](super::limits::MemoryLimiter) limits
/// them together.
const MEMORIES_PER_COMPONENT: u32 = 4;

/// The size limit of each instance's metadata.
const INSTANCE_METADATA_BYTES: usize = 1 << 20;

/// Memory of an instance that is cleared when the instance ends but stays mapped, so that the next one has
/// no page faults: what a batch of usual events touches.
const MEMORY_KEPT_RESIDENT_BYTES: usize = 2 << 20;

/// Makes the engine for `threads` compute threads.
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
pub fn engine(threads: usize) -> wasmtime::Result<Engine> {
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
        .wasm_extended_const(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)));
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
