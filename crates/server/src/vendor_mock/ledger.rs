//! Everything that a mock vendor did, in order.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use waybill_domain::text::Sku;
use waybill_domain::time::Time;

use super::operation::Operation;
use super::shelves::NotMoved;

/// The most entries. A mock with a full ledger refuses calls: one that forgets would make a test compare with less than
/// was done.
pub const MAX_ENTRIES: usize = 1_000_000;

/// One call.
pub struct Entry {
    pub at: Time,
    pub operation: Operation,
    pub sku: Sku,
    /// Units asked for; of [`Operation::Set`] the difference, which may be negative.
    pub quantity: i64,
    pub key: Option<Arc<str>>,
    /// The answer: the quantity after it, or why not.
    pub result: Result<i64, NotMoved>,
    /// Whether units were moved.
    pub done: bool,
    /// Whether the answer was sent.
    pub answered: bool,
}

impl Entry {
    fn to_json(&self, seq: usize) -> Value {
        json!({
            "seq": seq,
            "at": self.at.to_string(),
            "operation": self.operation,
            "sku": self.sku,
            "quantity": self.quantity,
            "key": self.key,
            "done": self.done,
            "answer": match self.result {
                Ok(quantity) => json!({"newQuantity": quantity}),
                Err(NotMoved::UnknownSku) => json!({"error": "Product not found"}),
                Err(NotMoved::Insufficient) => json!({"error": "Insufficient stock"}),
            },
            "answered": self.answered,
        })
    }
}

/// Units of one sku that were moved, summed.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sums {
    reduced: i64,
    restored: i64,
    set: i64,
}

/// All entries, their sums, and the first entry of each key.
#[derive(Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    sums: BTreeMap<Sku, Sums>,
    by_key: HashMap<Arc<str>, usize>,
}

impl Ledger {
    pub fn is_full(&self) -> bool {
        self.entries.len() >= MAX_ENTRIES
    }

    /// Records a call.
    pub fn write(&mut self, entry: Entry) {
        if entry.done {
            let sums = self.sums.entry(entry.sku.clone()).or_default();
            match entry.operation {
                Operation::Reduce => sums.reduced += entry.quantity,
                Operation::Restore => sums.restored += entry.quantity,
                Operation::Set => sums.set += entry.quantity,
            }
        }
        if let Some(key) = &entry.key {
            let next = self.entries.len();
            self.by_key.entry(Arc::clone(key)).or_insert(next);
        }
        self.entries.push(entry);
    }

    /// How the first call with this key ended.
    pub fn first_answer(&self, key: Option<&str>) -> Option<Result<i64, NotMoved>> {
        let index = self.by_key.get(key?)?;
        self.entries.get(*index).map(|entry| entry.result)
    }

    /// Sums by sku, and up to `limit` entries behind number `after`.
    pub fn to_json(&self, after: usize, limit: usize) -> Value {
        let skus: Vec<Value> = self
            .sums
            .iter()
            .map(|(sku, sums)| {
                json!({"sku": sku, "reduced": sums.reduced, "restored": sums.restored, "set": sums.set})
            })
            .collect();
        let entries: Vec<Value> = self
            .entries
            .iter()
            .enumerate()
            .skip(after)
            .take(limit)
            .map(|(index, entry)| entry.to_json(index + 1))
            .collect();
        json!({"skus": skus, "entries": entries, "count": self.entries.len()})
    }
}
