-- Finished orders that were moved out of the tables: see `archive` in the crate's source. `n` is the value of the
-- order's readable number, as in `orders`.
CREATE TABLE archived_orders (
  n INTEGER PRIMARY KEY,
  order_id BLOB NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  status TEXT NOT NULL,
  version INTEGER NOT NULL,
  archived_at INTEGER NOT NULL,
  part INTEGER NOT NULL,
  -- Of its last event: positions are never given twice.
  last_position INTEGER NOT NULL,
  document BLOB NOT NULL
) STRICT;

-- The units that left stock with them.
CREATE TABLE archived_stock (
  tenant TEXT NOT NULL,
  sku TEXT NOT NULL,
  vendor TEXT NOT NULL,
  units INTEGER NOT NULL,
  PRIMARY KEY (tenant, sku, vendor)
) STRICT, WITHOUT ROWID;

-- An order leaves only when nothing of it is parked and no work is left.
CREATE INDEX parked_of_order ON parked (order_id);
CREATE INDEX work_of_order ON work (order_id) WHERE order_id IS NOT NULL;
