mod columns;
mod duplicates;
mod lake;
mod partitions;
mod properties;
mod sources;
