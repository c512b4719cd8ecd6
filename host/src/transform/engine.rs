//! The wasmtime engine: one for the process, configured so that a guest is bounded and the same
//! bytes in give the same bytes out.

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

use super::limits::{Limits, TABLE_ELEMENTS, WASM_STACK_BYTES};

/// Instances beside those of the compute threads: a release being admitted.
const SPARE_INSTANCES: u32 = 4;

/// A component is a handful of core instances: the author's module and its adapters. An interpreter
/// linked from libraries, with stand-ins for what it may not import, has 13.
const CORE_INSTANCES_PER_COMPONENT: u32 = 16;

/// Such a component has a memory of its own in each part. What they take together is bounded by
/// [`MemoryLimiter`](super::limits::MemoryLimiter).
const MEMORIES_PER_COMPONENT: u32 = 4;

/// The space that each instance's metadata may take.
const INSTANCE_METADATA_BYTES: usize = 1 << 20;

/// Memory of an instance that is cleared by hand when the instance ends, so that the next one finds
/// its pages mapped instead of faulting them in: what a batch of usual events touches.
const MEMORY_KEPT_RESIDENT_BYTES: usize = 2 << 20;

/// Makes the engine for `threads` compute threads.
///
/// Fuel is the only thing that compiled code counts. The time that it takes is looked at whenever some
/// fuel is gone (`drive.rs`); wasmtime's epochs would have each loop and each function look at a second
/// counter, which costs an eighth of a usual batch.
///
/// Two proposals are on that a usual guest has no need of. Code linked from libraries places its data
/// with extended constants. And the compiler makes modules of two memories where the parts of a
/// component call each other; with that proposal off it panics on such a component instead.
///
/// # Errors
/// When the machine cannot reserve the address space.
pub fn engine(limits: &Limits, threads: usize) -> wasmtime::Result<Engine> {
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
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits, instances)));
    Engine::new(&config)
}

fn pool(limits: &Limits, instances: u32) -> PoolingAllocationConfig {
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
        .max_memory_size(limits.memory_bytes)
        .table_elements(TABLE_ELEMENTS)
        .linear_memory_keep_resident(MEMORY_KEPT_RESIDENT_BYTES)
        .pagemap_scan(Enabled::Auto);
    pool
}
