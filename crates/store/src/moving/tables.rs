//! The tables and columns that are moved: all except those about processes (`members`, `samples`), about the schema (`meta`,
//! `counters`), and the counts (`order_counts`), which the target gets as totals.

use super::rows::{Column, Kind};

/// A table that both stores have.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [Column],
}

const fn of(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        instead: None,
    }
}

const fn small(name: &'static str) -> Column {
    of(name, Kind::Small)
}

const fn int(name: &'static str) -> Column {
    of(name, Kind::Int)
}

const fn big(name: &'static str) -> Column {
    of(name, Kind::Big)
}

const fn flag(name: &'static str) -> Column {
    of(name, Kind::Bool)
}

const fn text(name: &'static str) -> Column {
    of(name, Kind::Text)
}

const fn uuid(name: &'static str) -> Column {
    of(name, Kind::Uuid)
}

const fn bytes(name: &'static str) -> Column {
    of(name, Kind::Bytes)
}

const fn instead(column: Column, expression: &'static str) -> Column {
    Column {
        instead: Some(expression),
        ..column
    }
}

/// The tables, in the order in which they are copied.
pub const TABLES: &[Table] = &[
    CLAIMS,
    COMMAND_CLAIMS,
    ORDERS,
    ORDER_CONTENT,
    ORDER_PERSONAL,
    ORDER_LINES,
    ORDER_HOLDS,
    STOCK,
    STOCK_MOVEMENTS,
    RESERVATIONS,
    SHIPMENTS,
    DELIVERIES,
    TIMERS,
    WORK,
    EVENTS,
    CURSORS,
    LEASES,
    PARKED,
    DISCARDS,
    INBOX_SOURCES,
    INBOX_GENERATIONS,
    INBOX_WATERMARKS,
    INBOX_HELD,
    CLIENTS,
    VENDORS,
    VENDOR_SYNCS,
    ARCHIVED_ORDERS,
    ARCHIVED_STOCK,
];

const CLAIMS: Table = Table {
    name: "claims",
    columns: &[
        text("tenant"),
        text("kind"),
        uuid("hash"),
        uuid("order_id"),
        uuid("body_hash"),
        big("expires_at"),
    ],
};

const COMMAND_CLAIMS: Table = Table {
    name: "command_claims",
    columns: &[
        text("tenant"),
        uuid("hash"),
        uuid("request"),
        text("outcome"),
        big("expires_at"),
    ],
};

pub(crate) const ORDERS: Table = Table {
    name: "orders",
    columns: &[
        big("n"),
        uuid("id"),
        text("tenant"),
        small("part"),
        text("status"),
        big("version"),
        flag("sourcing"),
        flag("started"),
        flag("failed"),
        text("cancelling_from"),
        text("policy"),
        text("caller_number"),
        text("customer_id"),
        big("created_at"),
        big("updated_at"),
        big("completed_at"),
        big("cancelled_at"),
        text("cancel_reason"),
        big("promised_by"),
        big("placed_at"),
        text("shipments"),
    ],
};

pub(crate) const ORDER_CONTENT: Table = Table {
    name: "order_content",
    columns: &[big("n"), text("content"), text("birth")],
};

pub(crate) const ORDER_PERSONAL: Table = Table {
    name: "order_personal",
    columns: &[uuid("order_id"), big("seq"), text("kind"), text("data")],
};

pub(crate) const ORDER_LINES: Table = Table {
    name: "order_lines",
    columns: &[
        uuid("order_id"),
        small("line"),
        text("sku"),
        text("vendor"),
        flag("requires_shipping"),
        big("ordered"),
        big("cancelled"),
        big("backordered"),
        big("reserved"),
        big("in_shipment"),
        big("shipped"),
        big("delivered"),
        big("returned"),
        big("lost"),
        flag("sourced"),
        text("waits_in"),
        big("given_up"),
    ],
};

pub(crate) const ORDER_HOLDS: Table = Table {
    name: "order_holds",
    columns: &[
        uuid("order_id"),
        uuid("id"),
        text("reason"),
        big("placed_at"),
        text("placed_by"),
        big("released_at"),
    ],
};

const STOCK: Table = Table {
    name: "stock",
    columns: &[
        text("tenant"),
        text("sku"),
        text("vendor"),
        big("on_hand"),
        big("reserved"),
        big("safety"),
        big("version"),
        big("synced_at"),
        big("shortfall"),
    ],
};

const STOCK_MOVEMENTS: Table = Table {
    name: "stock_movements",
    columns: &[
        big("n"),
        text("tenant"),
        text("sku"),
        text("vendor"),
        big("delta"),
        text("reason"),
        text("actor"),
        text("reference"),
        big("at"),
    ],
};

pub(crate) const RESERVATIONS: Table = Table {
    name: "reservations",
    columns: &[
        uuid("order_id"),
        small("line"),
        text("vendor"),
        int("attempt"),
        text("sku"),
        text("tenant"),
        text("state"),
        big("quantity"),
        big("consumed"),
        big("released"),
        big("expires_at"),
        flag("ending"),
        big("agreed_at"),
        flag("uncertain"),
        text("reason"),
    ],
};

pub(crate) const SHIPMENTS: Table = Table {
    name: "shipments",
    columns: &[
        uuid("id"),
        uuid("order_id"),
        text("tenant"),
        small("part"),
        text("vendor"),
        int("attempt"),
        text("status"),
        big("version"),
        text("lines"),
        text("tracking_number"),
        text("carrier"),
        big("created_at"),
        big("updated_at"),
        big("shipped_at"),
        big("delivered_at"),
        big("due_at"),
        text("correlation_id"),
        text("traceparent"),
    ],
};

pub(crate) const DELIVERIES: Table = Table {
    name: "deliveries",
    columns: &[
        uuid("order_id"),
        text("tenant"),
        small("part"),
        text("state"),
        big("revision"),
        big("version"),
        big("heard"),
        text("open_holds"),
        text("released"),
        big("updated_at"),
    ],
};

const TIMERS: Table = Table {
    name: "timers",
    columns: &[
        // The embedded store has one partition and no such column in this table.
        instead(small("part"), "0"),
        big("due_at"),
        uuid("shipment_id"),
        uuid("order_id"),
    ],
};

const WORK: Table = Table {
    name: "work",
    columns: &[
        uuid("id"),
        text("target"),
        text("tenant"),
        uuid("order_id"),
        big("due_at"),
        text("body"),
        big("attempts"),
        big("epoch"),
        big("leased_until"),
        text("last_error"),
        big("unanswered"),
    ],
};

pub(crate) const EVENTS: Table = Table {
    name: "events",
    columns: &[
        small("part"),
        big("position"),
        text("type"),
        text("tenant"),
        uuid("order_id"),
        text("stream"),
        uuid("aggregate_id"),
        big("seq"),
        uuid("event_id"),
        small("schema_version"),
        big("occurred_at"),
        big("recorded_at"),
        text("actor"),
        text("correlation_id"),
        uuid("causation_id"),
        text("traceparent"),
        text("body"),
        small("event_count"),
        big("kinds"),
        bytes("packed"),
    ],
};

const CURSORS: Table = Table {
    name: "cursors",
    columns: &[
        text("consumer"),
        small("part"),
        big("position"),
        big("epoch"),
    ],
};

const LEASES: Table = Table {
    name: "leases",
    columns: &[
        text("consumer"),
        small("part"),
        text("owner"),
        big("epoch"),
        // No process has the source open, so no lease is held; the epochs continue.
        instead(big("until"), "0"),
    ],
};

const PARKED: Table = Table {
    name: "parked",
    columns: &[
        text("consumer"),
        uuid("order_id"),
        big("position"),
        small("part"),
        text("tenant"),
        text("envelope"),
        text("state"),
        text("error"),
        big("attempts"),
        big("first_at"),
        big("last_at"),
        big("next_attempt_at"),
    ],
};

pub(crate) const DISCARDS: Table = Table {
    name: "discards",
    columns: &[
        text("consumer"),
        uuid("order_id"),
        big("position"),
        small("part"),
        text("tenant"),
        text("type"),
        big("at"),
    ],
};

const INBOX_SOURCES: Table = Table {
    name: "inbox_sources",
    columns: &[int("id"), text("consumer"), text("store_id")],
};

const INBOX_GENERATIONS: Table = Table {
    name: "inbox_generations",
    columns: &[
        int("source"),
        text("generation"),
        big("number"),
        big("seen_at"),
    ],
};

const INBOX_WATERMARKS: Table = Table {
    name: "inbox_watermarks",
    columns: &[
        int("source"),
        text("stream"),
        uuid("aggregate_id"),
        big("generation"),
        big("seq"),
        big("gaps"),
    ],
};

const INBOX_HELD: Table = Table {
    name: "inbox_held",
    columns: &[
        text("consumer"),
        uuid("key"),
        uuid("message"),
        small("part"),
        text("tenant"),
        text("reason"),
        text("state"),
        int("source"),
        text("stream"),
        uuid("aggregate_id"),
        big("generation"),
        big("seq"),
        text("content"),
        text("error"),
        big("attempts"),
        big("first_at"),
        big("last_at"),
    ],
};

const CLIENTS: Table = Table {
    name: "clients",
    columns: &[
        text("id"),
        text("tenant"),
        text("scopes"),
        text("secret_hash"),
        big("secret_at"),
        text("older_hash"),
        big("older_at"),
        big("created_at"),
        big("revoked_at"),
        big("version"),
    ],
};

const VENDORS: Table = Table {
    name: "vendors",
    columns: &[
        text("tenant"),
        text("name"),
        text("base_url"),
        big("priority"),
        big("cost"),
        big("lead_time_hours"),
        big("rate_limit_per_s"),
        flag("idempotent"),
        flag("enabled"),
        big("created_at"),
        big("updated_at"),
        big("removed_at"),
        big("version"),
    ],
};

const VENDOR_SYNCS: Table = Table {
    name: "vendor_syncs",
    columns: &[
        text("tenant"),
        text("vendor"),
        big("asked_at"),
        big("tried_at"),
        big("synced_at"),
        text("error"),
        big("skus"),
        big("changed"),
        big("drift"),
        big("refused"),
    ],
};

const ARCHIVED_ORDERS: Table = Table {
    name: "archived_orders",
    columns: &[
        big("n"),
        uuid("order_id"),
        text("tenant"),
        text("status"),
        big("version"),
        big("archived_at"),
        small("part"),
        big("last_position"),
        bytes("document"),
    ],
};

const ARCHIVED_STOCK: Table = Table {
    name: "archived_stock",
    columns: &[text("tenant"), text("sku"), text("vendor"), big("units")],
};
