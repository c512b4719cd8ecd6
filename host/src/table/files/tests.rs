mod columns;
mod lake;
mod partitions;
mod properties;
mod sources;
