//! A message as it travels.

use std::collections::BTreeMap;

/// Attributes and body of a message, before it is read and after it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawMessage {
    /// CloudEvents attributes by their names, without the prefix that a broker's binding adds.
    pub attributes: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl RawMessage {
    /// An attribute's value.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// Bytes of attributes and body together, as brokers count a message's size, but for what a broker adds itself.
    #[must_use]
    pub fn size(&self) -> usize {
        let attributes = self.attributes.iter();
        let attributes: usize = attributes
            .map(|(name, value)| name.len() + value.len())
            .sum();
        attributes + self.body.len()
    }
}
