//! The order in which rows are locked, the same in every transaction: claims, cursor, parked events, orders, deliveries
//! and shipments, holds, reservations, stock, then the partition of the log. Each class is locked by one ordered
//! SELECT. A turn (`turn.rs`) and the archive, which write rows of both sides, lock deliveries and shipments before orders;
//! no other transaction locks rows of both. Stock rows from which nothing is newly reserved are locked by the flush that
//! writes them, right before they are written: intake waits for these rows, and a turn of hundreds of orders takes tens of
//! milliseconds to write the rest.
//!
//! An UPDATE with a join locks rows in the order of the join, even if a sorted subquery is joined. So a row is written
//! only after it was locked here.

use super::pipeline::{Handle, Pipeline, Rows, Sql, params};
use tokio_postgres::types::Type;
use waybill_domain::text::Vendor;

/// A consumer's cursor, if the lease is still held. A process that takes the lease over waits for this lock.
pub static CURSOR: Sql = Sql {
    text: "/* lock::cursor */ SELECT position FROM cursors WHERE consumer = $1 AND part = $2 AND epoch = $3 FOR UPDATE",
    types: &[Type::TEXT, Type::INT2, Type::INT8],
};

/// Parked events of orders, for a consumer.
pub static PARKED: Sql = Sql {
    text: "/* lock::parked */ SELECT order_id FROM parked WHERE consumer = $1 AND order_id = ANY($2) ORDER BY order_id, position FOR UPDATE",
    types: &[Type::TEXT, Type::UUID_ARRAY],
};

pub static ORDERS: Sql = Sql {
    text: "/* lock::orders */ SELECT id, version FROM orders WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE",
    types: &[Type::UUID_ARRAY],
};

pub static DELIVERIES: Sql = Sql {
    text: "/* lock::deliveries */ SELECT order_id, revision FROM deliveries WHERE order_id = ANY($1) ORDER BY order_id FOR NO KEY UPDATE",
    types: &[Type::UUID_ARRAY],
};

pub static SHIPMENTS: Sql = Sql {
    text: "/* lock::shipments */ SELECT id, version FROM shipments WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE",
    types: &[Type::UUID_ARRAY],
};

/// Holds that are open.
pub static HOLDS: Sql = Sql {
    text: "/* lock::holds */ SELECT id FROM order_holds WHERE order_id = ANY($1) AND released_at IS NULL ORDER BY order_id, id FOR NO KEY UPDATE",
    types: &[Type::UUID_ARRAY],
};

/// Reservations of orders that still hold units.
pub static RESERVATIONS: Sql = Sql {
    text: "/* lock::reservations */ SELECT order_id, line, vendor, attempt, state, quantity, consumed, released, expires_at, \
           ending, agreed_at, uncertain FROM reservations WHERE order_id = ANY($1) \
           ORDER BY order_id, line, vendor, attempt FOR NO KEY UPDATE",
    types: &[Type::UUID_ARRAY],
};

/// The key of a stock row, in the order in which rows are locked: our own before those of vendors, because intake locks
/// vendors' rows only once it knows that our own are not enough.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StockKey {
    is_vendors: bool,
    pub tenant: String,
    pub sku: String,
    pub vendor: String,
}

impl StockKey {
    pub fn new(tenant: &str, sku: &str, vendor: &str) -> Self {
        Self {
            is_vendors: vendor != Vendor::LOCAL,
            tenant: tenant.to_owned(),
            sku: sku.to_owned(),
            vendor: vendor.to_owned(),
        }
    }
}

/// Reads stock rows by [`StockKey`]; `$lock` is a locking clause, or nothing. The search starts at the end of the
/// index, where the newest run of a row is, and so does not read the older versions that a held snapshot keeps. The last
/// column is the row's `ctid`, which is valid while the row is locked and not written.
macro_rules! stock {
    ($name:literal, $lock:literal) => {
        Sql {
            text: concat!(
                "/* ",
                $name,
                " */ SELECT s.tenant, s.sku, s.vendor, s.on_hand, s.reserved, s.safety, s.shortfall, s.version, s.place \
                 FROM unnest($1, $2, $3) AS k (tenant, sku, vendor), LATERAL (SELECT *, ctid::text AS place FROM stock \
                 WHERE stock.tenant = k.tenant AND stock.sku = k.sku AND stock.vendor = k.vendor ORDER BY stock.run DESC LIMIT 1",
                $lock,
                ") AS s"
            ),
            types: &[Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY],
        }
    };
}

/// Locks stock rows. The keys must be distinct and sorted: rows are locked in the order of the keys.
pub static STOCK: Sql = stock!("lock::stock", " FOR NO KEY UPDATE");

/// Reads stock rows without locking them, where nothing is newly reserved: then no decision depends on what a row holds,
/// only on whether it is there, and it is locked right before it is written.
pub static STOCK_UNLOCKED: Sql = stock!("lock::stock_unlocked", "");

/// Adds a statement on stock rows whose keys are sorted.
pub fn add_stock_keys<'p>(
    pipeline: &mut Pipeline<'p>,
    sql: &'static Sql,
    keys: impl Iterator<Item = &'p StockKey> + Clone,
) -> Handle<Rows> {
    let parameters = params![
        keys.clone().map(|k| k.tenant.as_str()).collect::<Vec<_>>(),
        keys.clone().map(|k| k.sku.as_str()).collect::<Vec<_>>(),
        keys.map(|k| k.vendor.as_str()).collect::<Vec<_>>(),
    ];
    pipeline.add(sql, parameters)
}

/// The partition of the log: the last lock of a transaction, held to its end. The first number is Waybill's own among the
/// advisory locks of the database.
pub static LOG: Sql = Sql {
    text: "/* lock::log */ SELECT pg_advisory_xact_lock(22873, $1)",
    types: &[Type::INT4],
};
