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

    /// The message with the event's body that it was too large to hold, as JSON text. What else its body holds stays.
    ///
    /// # Errors
    /// The text is no JSON.
    pub fn with_data(mut self, data: &str) -> serde_json::Result<Self> {
        let mut body: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&self.body)?;
        body.insert("data".into(), serde_json::from_str(data)?);
        self.attributes.remove(super::name::DATAREF);
        self.body = serde_json::to_vec(&body)?;
        Ok(self)
    }
}
