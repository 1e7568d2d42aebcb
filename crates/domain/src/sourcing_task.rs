//! What the role `allocation` does for orders beside calling vendors, as the piece of work that a worker does it from.

use crate::change::NewWork;
use crate::ids::OrderId;
use crate::text::{Sku, Vendor};
use crate::time::Time;
use crate::vendor_call::id_of;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where these pieces wait: one worker does them one after another, so that orders are served as they came.
pub const TARGET: &str = "sourcing";

/// One piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum SourcingTask {
    /// Find sources for the units that the order misses.
    Source,
    /// The same for an order that is tried again, whatever vendors said before.
    SourceAnew,
    /// Units of a vendor, or of our own stock, can be reserved again: give them to the orders that wait for them, in the
    /// order in which they came. Without a vendor, every source is looked at.
    Fill { sku: Sku, vendor: Option<Vendor> },
    /// More of our own units are reserved than are there: take them back from orders that are not confirmed.
    TakeBack { sku: Sku },
    /// The date that the customer was promised has passed.
    EndWait,
}

impl SourcingTask {
    /// The piece that sources what a new order misses.
    #[must_use]
    pub fn source_new(order: OrderId, now: Time) -> NewWork {
        Self::Source.of_order(id_of(&format!("{order}/source")), order, now)
    }

    /// The piece that does it for an order. `id` is new.
    #[must_use]
    pub fn of_order(&self, id: Uuid, order: OrderId, now: Time) -> NewWork {
        self.work(id, Some(order), now, None)
    }

    /// The piece that ends an order's wait for stock when the date that the customer was promised has passed. An order
    /// has one.
    #[must_use]
    pub fn end_wait(order: OrderId, promised_by: Time) -> NewWork {
        let id = id_of(&format!("{order}/wait"));
        Self::EndWait.work(id, Some(order), promised_by, None)
    }

    /// The piece that hands out units of a stock row; written only where an order waits for them. `id` is new.
    #[must_use]
    pub fn fill(id: Uuid, sku: &Sku, vendor: Option<&Vendor>, now: Time) -> NewWork {
        let task = Self::Fill {
            sku: sku.clone(),
            vendor: vendor.cloned(),
        };
        task.work(id, None, now, Some(sku.clone()))
    }

    /// The piece that takes units of our own stock back. `id` is new.
    #[must_use]
    pub fn take_back(id: Uuid, sku: &Sku, now: Time) -> NewWork {
        let task = Self::TakeBack { sku: sku.clone() };
        task.work(id, None, now, None)
    }

    fn work(
        &self,
        id: Uuid,
        order_id: Option<OrderId>,
        due_at: Time,
        if_awaited: Option<Sku>,
    ) -> NewWork {
        NewWork {
            id,
            target: TARGET.to_owned(),
            order_id,
            due_at,
            body: serde_json::to_string(self)
                .expect("a task has string keys and no fallible fields"),
            if_awaited,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendor_call::vendor_of;

    #[test]
    fn a_task_is_read_as_it_was_written_and_no_vendor_is_asked_for_it() {
        let sku = Sku::stored("A");
        for (task, text) in [
            (SourcingTask::Source, r#"{"task":"source"}"#),
            (
                SourcingTask::Fill {
                    sku: sku.clone(),
                    vendor: Some(Vendor::local()),
                },
                r#"{"task":"fill","sku":"A","vendor":"local"}"#,
            ),
            (
                SourcingTask::TakeBack { sku },
                r#"{"task":"take_back","sku":"A"}"#,
            ),
            (SourcingTask::SourceAnew, r#"{"task":"source_anew"}"#),
            (SourcingTask::EndWait, r#"{"task":"end_wait"}"#),
        ] {
            let piece = task.work(Uuid::nil(), None, Time(1), None);
            assert_eq!(piece.body, text);
            let read: SourcingTask = serde_json::from_str(text).expect("readable");
            assert_eq!(read, task);
            assert_eq!(vendor_of(&piece.target), None);
        }
    }
}
