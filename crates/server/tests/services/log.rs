//! The events in a store whose services are stopped.

use std::path::Path;

use rusqlite::Row;
use uuid::Uuid;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;
use waybill_store::packed::{Place, WantedKinds, unpack};

/// All events of the store in a file, oldest first.
pub fn events(file: &Path) -> Vec<LoggedEvent> {
    let db = rusqlite::Connection::open(file).expect("it is SQLite");
    let sql = "SELECT part, position, event_count, kinds, tenant, order_id, event_id, recorded_at, packed FROM events ORDER BY position";
    let mut statement = db.prepare(sql).expect("it is right");
    let rows = statement.query_map([], |row| Ok((place(row)?, row.get("packed")?)));
    let rows = rows.expect("it runs").map(|row| {
        let (place, bytes): (Place, Vec<u8>) = row.expect("a packed row");
        let row = unpack(&place, &bytes, WantedKinds::ALL);
        row.readable().expect("its events can be read").events
    });
    rows.flatten().collect()
}

fn place(row: &Row<'_>) -> rusqlite::Result<Place> {
    let id = |bytes: Vec<u8>| Uuid::from_slice(&bytes).expect("an id");
    Ok(Place {
        partition: row.get("part")?,
        last: row.get("position")?,
        count: row.get("event_count")?,
        kinds: row.get("kinds")?,
        tenant: Tenant::stored(&row.get::<_, String>("tenant")?),
        order: row.get::<_, Option<_>>("order_id")?.map(id).map(OrderId),
        first_id: EventId(id(row.get("event_id")?)),
        recorded_at: Time(row.get("recorded_at")?),
    })
}
