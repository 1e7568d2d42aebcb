//! The published wire formats that clients already speak: one folder each, thin: they translate and hold no logic.

pub mod sales;
