//! Wire formats that existing clients already use: one folder each. A dialect translates and holds no logic.

pub mod sales;
