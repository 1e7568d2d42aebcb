-- Finished orders that were moved out of the tables: see `archive` in the crate's source. `n` is the value of the
-- order's readable number, as in `orders`.
CREATE TABLE archived_orders (
  n bigint PRIMARY KEY,
  order_id uuid NOT NULL UNIQUE,
  tenant text COLLATE "C" NOT NULL,
  status text NOT NULL,
  version bigint NOT NULL,
  archived_at bigint NOT NULL,
  part smallint NOT NULL,
  -- Of its last event: positions are never given twice.
  last_position bigint NOT NULL,
  document bytea NOT NULL
);
CREATE INDEX archived_positions ON archived_orders (part, last_position);
-- It is compressed already: trying it again costs time at every insert.
ALTER TABLE archived_orders ALTER COLUMN document SET STORAGE EXTERNAL;

-- The units that left stock with them.
CREATE TABLE archived_stock (
  tenant text COLLATE "C" NOT NULL,
  sku text COLLATE "C" NOT NULL,
  vendor text COLLATE "C" NOT NULL,
  units bigint NOT NULL,
  PRIMARY KEY (tenant, sku, vendor)
);

-- An order leaves only when nothing of it is parked and no work is left.
CREATE INDEX parked_of_order ON parked (order_id);
CREATE INDEX work_of_order ON work (order_id) WHERE order_id IS NOT NULL;
