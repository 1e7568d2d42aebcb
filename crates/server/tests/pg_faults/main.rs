//! Several processes on one PostgreSQL database under faults of the environment: the disk fills up and fails, a
//! machine's clock jumps, the schema becomes a newer version's. Nothing acknowledged is lost or doubled, no request is
//! answered 500, and orders go on without help.

mod bystander;
mod clocks;
mod disk;
mod fleet;
mod pooled;
mod strays;
mod versions;
