//! Several processes on one PostgreSQL database while what they stand on misbehaves: its disk fills up and fails, a
//! machine's clock jumps, the schema becomes a newer version's. Nothing acknowledged is lost or doubled, nobody is told
//! of a defect, and orders go on by themselves.

mod bystander;
mod clocks;
mod disk;
mod fleet;
mod pooled;
mod strays;
mod versions;
