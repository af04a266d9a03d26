//! What all memory of ours comes from: mimalloc, for the daemon, the tests and the benchmarks alike.
//!
//! An alert makes and drops some forty small things, and looks at as many that were made long ago, all
//! over the memory of a large installation. mimalloc gives and takes in a few nanoseconds, and takes
//! its memory from the system in pages of 2 MiB where the system lets it (`madvise` in
//! `/sys/kernel/mm/transparent_hugepage/enabled`, the default of most), so that the processor finds
//! what is far away with fewer look-ups of its own. `RocksDB` and librdkafka keep the one of the system.

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
