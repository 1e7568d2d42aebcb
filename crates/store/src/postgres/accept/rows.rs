//! Writes the rows of accepted orders: one statement per table for all orders of the batch.

use super::super::changes;
use super::super::pipeline::{Pipeline, Sql, params};
use super::super::rows::small;
use super::{Batch, Written};
use crate::encoding::write_birth;
use tokio_postgres::types::Type;
use waybill_domain::text::{Tenant, Vendor};

static ORDERS: Sql = Sql {
    text: "/* accept::orders */ INSERT INTO orders (n, id, tenant, part, status, version, sourcing, started, failed, policy, caller_number, \
           customer_id, created_at, updated_at, promised_by, placed_at) \
           SELECT o.n, o.id, o.tenant, $1, o.status, o.version, o.sourcing, o.started, o.failed, o.policy, o.caller_number, o.customer_id, \
           o.created_at, o.updated_at, o.promised_by, o.placed_at \
           FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) AS o (n, id, tenant, status, version, sourcing, \
           started, failed, policy, caller_number, customer_id, created_at, updated_at, promised_by, placed_at)",
    types: &[
        Type::INT2,
        Type::INT8_ARRAY,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::BOOL_ARRAY,
        Type::BOOL_ARRAY,
        Type::BOOL_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

static CONTENT: Sql = Sql {
    text: "/* accept::content */ INSERT INTO order_content (n, content, birth) SELECT * FROM unnest($1, $2, $3)",
    types: &[Type::INT8_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY],
};

static PERSONAL: Sql = Sql {
    text: "/* accept::personal */ INSERT INTO order_personal (order_id, seq, kind, data) SELECT p.id, 0, 'order', p.data \
           FROM unnest($1, $2) AS p (id, data)",
    types: &[Type::UUID_ARRAY, Type::TEXT_ARRAY],
};

static LINES: Sql = Sql {
    text: "/* accept::lines */ INSERT INTO order_lines (order_id, line, sku, vendor, requires_shipping, ordered, backordered, reserved, sourced, waits_in) \
           SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    types: &[
        Type::UUID_ARRAY,
        Type::INT2_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::BOOL_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::BOOL_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

/// Adds everything that a batch writes but its events.
pub fn write<'p>(pipeline: &mut Pipeline<'p>, batch: &'p Batch<'_>) {
    write_orders(pipeline, &batch.written);
    write_content(pipeline, &batch.written);
    write_lines(pipeline, &batch.written);
    let mut counts = changes::Counts::default();
    for w in &batch.written {
        let order = &w.accepted.order;
        counts.born(order.status);
        for hold in &order.holds {
            changes::place_hold(pipeline, order.id, order.version, hold);
        }
    }
    let reserved = batch.written.iter().flat_map(|w| {
        let each = w.accepted.reserved.iter();
        each.map(|moved| (&w.new.tenant, w.new.id, moved))
    });
    changes::reserve(pipeline, reserved);
    batch.stock.write(pipeline);
    for w in &batch.written {
        changes::add_work(pipeline, &w.new.tenant, &w.accepted.work);
    }
    counts.write(pipeline);
}

fn write_orders<'p>(pipeline: &mut Pipeline<'p>, written: &'p [Written<'_>]) {
    let partition = written.first().map_or(0, |w| w.accepted.order.partition);
    let orders = || written.iter().map(|w| &w.accepted.order);
    let new = || written.iter().map(|w| w.new);
    pipeline.add(
        &ORDERS,
        params![
            small(partition),
            written
                .iter()
                .map(|w| w.accepted.number)
                .collect::<Vec<_>>(),
            orders().map(|o| o.id.0).collect::<Vec<_>>(),
            orders().map(|o| o.tenant.as_str()).collect::<Vec<_>>(),
            orders().map(|o| o.status.as_str()).collect::<Vec<_>>(),
            orders().map(|o| o.version).collect::<Vec<_>>(),
            orders().map(|o| o.flags.sourcing).collect::<Vec<_>>(),
            orders().map(|o| o.flags.started).collect::<Vec<_>>(),
            orders().map(|o| o.flags.failed).collect::<Vec<_>>(),
            orders().map(|o| o.policy.as_str()).collect::<Vec<_>>(),
            new()
                .map(|n| n.caller_number.as_deref())
                .collect::<Vec<_>>(),
            new().map(|n| n.customer_id.as_deref()).collect::<Vec<_>>(),
            orders().map(|o| o.created_at.0).collect::<Vec<_>>(),
            orders().map(|o| o.updated_at.0).collect::<Vec<_>>(),
            orders()
                .map(|o| o.promised_by.map(|t| t.0))
                .collect::<Vec<_>>(),
            new().map(|n| n.placed_at.map(|t| t.0)).collect::<Vec<_>>(),
        ],
    );
}

fn write_content<'p>(pipeline: &mut Pipeline<'p>, written: &'p [Written<'_>]) {
    pipeline.add(
        &CONTENT,
        params![
            written
                .iter()
                .map(|w| w.accepted.number)
                .collect::<Vec<_>>(),
            written.iter().map(|w| &*w.new.content).collect::<Vec<_>>(),
            written
                .iter()
                .map(|w| write_birth(&w.birth))
                .collect::<Vec<_>>(),
        ],
    );
    let personal = || {
        let each = written.iter();
        each.filter_map(|w| Some((w.new.id.0, &**w.new.personal.as_ref()?)))
    };
    if personal().next().is_some() {
        pipeline.add(
            &PERSONAL,
            params![
                personal().map(|(id, _)| id).collect::<Vec<_>>(),
                personal().map(|(_, data)| data).collect::<Vec<_>>(),
            ],
        );
    }
}

fn write_lines<'p>(pipeline: &mut Pipeline<'p>, written: &'p [Written<'_>]) {
    let lines = || {
        let orders = written.iter().map(|w| &w.accepted.order);
        orders.flat_map(|order| order.lines.iter().map(move |line| (order, line)))
    };
    pipeline.add(
        &LINES,
        params![
            lines().map(|(order, _)| order.id.0).collect::<Vec<_>>(),
            lines().map(|(_, l)| small(l.id)).collect::<Vec<_>>(),
            lines().map(|(_, l)| l.sku.as_str()).collect::<Vec<_>>(),
            lines()
                .map(|(_, l)| l.vendor.as_ref().map(Vendor::as_str))
                .collect::<Vec<_>>(),
            lines()
                .map(|(_, l)| l.requires_shipping)
                .collect::<Vec<_>>(),
            lines()
                .map(|(_, l)| l.quantities.ordered)
                .collect::<Vec<_>>(),
            lines()
                .map(|(_, l)| l.quantities.backordered)
                .collect::<Vec<_>>(),
            lines()
                .map(|(_, l)| l.quantities.reserved)
                .collect::<Vec<_>>(),
            lines().map(|(_, l)| l.vendor.is_none()).collect::<Vec<_>>(),
            lines()
                .map(|(order, _)| order.waits_in().map(Tenant::as_str))
                .collect::<Vec<_>>(),
        ],
    );
}
