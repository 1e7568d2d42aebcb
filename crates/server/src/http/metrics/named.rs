//! The label of most figures.

use prometheus_client::encoding::EncodeLabelSet;

/// A label whose values are a fixed list (consumers, partitions, statuses).
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Named {
    name: String,
}

pub fn named(name: &str) -> Named {
    Named {
        name: name.to_owned(),
    }
}
