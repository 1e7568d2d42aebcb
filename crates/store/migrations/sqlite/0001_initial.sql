-- Times are microseconds since the epoch (UTC). Ids are UUIDs of 16 bytes. Amounts live inside JSON texts, in
-- minor units. Statuses are text with CHECK, the same words as on the wire; written with OR, since SQLite builds a
-- temporary b-tree for every IN of more than two values, at every execution (measured: a third of an insert).

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Never derived from the rows present: retention may empty a table.
CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE claims (
  tenant TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind = 'key' OR kind = 'reference' OR kind = 'number' OR kind = 'duplicate'),
  hash BLOB NOT NULL,
  order_id BLOB NOT NULL,
  body_hash BLOB NOT NULL,
  expires_at INTEGER,
  -- The hash first: it decides nearly every comparison.
  PRIMARY KEY (hash, kind, tenant)
) STRICT, WITHOUT ROWID;

-- Narrow on purpose: it is rewritten at every step of an order. `n` is the readable number's value.
CREATE TABLE orders (
  n INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  part INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status = 'confirmed' OR status = 'processing' OR status = 'shipped' OR status = 'delivered' OR status =
    'pending' OR status = 'backordered' OR status = 'partially_shipped' OR status = 'cancelling' OR status =
    'cancelled' OR status = 'failed'),
  version INTEGER NOT NULL CHECK (version > 0),
  sourcing INTEGER NOT NULL DEFAULT 0,
  started INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  cancelling_from TEXT,
  policy TEXT NOT NULL,
  caller_number TEXT,
  customer_id TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  completed_at INTEGER,
  cancelled_at INTEGER,
  cancel_reason TEXT,
  promised_by INTEGER,
  placed_at INTEGER
) STRICT;

-- What never changes after acceptance, and what stood on the order when it was accepted.
CREATE TABLE order_content (
  n INTEGER PRIMARY KEY,
  content TEXT NOT NULL,
  birth TEXT NOT NULL
) STRICT;

-- Data about people: here and nowhere else. Rows are appended, never changed.
CREATE TABLE order_personal (
  order_id BLOB NOT NULL,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind = 'order' OR kind = 'hold_note'),
  data TEXT NOT NULL,
  PRIMARY KEY (order_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE order_lines (
  order_id BLOB NOT NULL,
  line INTEGER NOT NULL,
  sku TEXT NOT NULL,
  vendor TEXT,
  requires_shipping INTEGER NOT NULL,
  ordered INTEGER NOT NULL CHECK (ordered > 0),
  cancelled INTEGER NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
  backordered INTEGER NOT NULL DEFAULT 0 CHECK (backordered >= 0),
  reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  in_shipment INTEGER NOT NULL DEFAULT 0 CHECK (in_shipment >= 0),
  shipped INTEGER NOT NULL DEFAULT 0 CHECK (shipped >= 0),
  delivered INTEGER NOT NULL DEFAULT 0 CHECK (delivered >= 0),
  returned INTEGER NOT NULL DEFAULT 0 CHECK (returned >= 0),
  lost INTEGER NOT NULL DEFAULT 0 CHECK (lost >= 0),
  PRIMARY KEY (order_id, line),
  CHECK (ordered = cancelled + backordered + reserved + in_shipment + shipped),
  CHECK (delivered + returned + lost <= shipped)
) STRICT, WITHOUT ROWID;

CREATE TABLE order_holds (
  order_id BLOB NOT NULL,
  id BLOB NOT NULL,
  reason TEXT NOT NULL,
  placed_at INTEGER NOT NULL,
  placed_by TEXT NOT NULL,
  released_at INTEGER,
  PRIMARY KEY (order_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE stock (
  tenant TEXT NOT NULL,
  sku TEXT NOT NULL,
  vendor TEXT NOT NULL,
  on_hand INTEGER NOT NULL,
  reserved INTEGER NOT NULL DEFAULT 0,
  safety INTEGER NOT NULL DEFAULT 0 CHECK (safety >= 0),
  version INTEGER NOT NULL,
  synced_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, sku, vendor),
  CHECK (vendor <> 'local' OR reserved BETWEEN 0 AND on_hand)
) STRICT, WITHOUT ROWID;

CREATE TABLE stock_movements (
  n INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  sku TEXT NOT NULL,
  vendor TEXT NOT NULL,
  delta INTEGER NOT NULL,
  reason TEXT,
  actor TEXT NOT NULL,
  reference TEXT,
  at INTEGER NOT NULL
) STRICT;

CREATE TABLE reservations (
  order_id BLOB NOT NULL,
  line INTEGER NOT NULL,
  vendor TEXT NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 1,
  sku TEXT NOT NULL,
  tenant TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state = 'held' OR state = 'committed' OR state = 'consumed' OR state = 'expired' OR state = 'released'),
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  consumed INTEGER NOT NULL DEFAULT 0 CHECK (consumed >= 0),
  released INTEGER NOT NULL DEFAULT 0 CHECK (released >= 0),
  expires_at INTEGER,
  PRIMARY KEY (order_id, line, vendor, attempt),
  CHECK (consumed + released <= quantity)
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_expiring ON reservations (expires_at) WHERE state = 'held';

CREATE TABLE shipments (
  id BLOB PRIMARY KEY,
  order_id BLOB NOT NULL,
  tenant TEXT NOT NULL,
  part INTEGER NOT NULL,
  vendor TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status = 'processing' OR status = 'shipped' OR status = 'delivered' OR status = 'delivery_failed' OR
    status = 'returned' OR status = 'lost' OR status = 'cancelled' OR status = 'failed'),
  version INTEGER NOT NULL,
  lines TEXT NOT NULL,
  tracking_number TEXT,
  carrier TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  shipped_at INTEGER,
  delivered_at INTEGER,
  due_at INTEGER,
  UNIQUE (order_id, vendor, attempt)
) STRICT, WITHOUT ROWID;

-- What the role delivery knows of an order; state 'cancelled' is the tombstone.
CREATE TABLE deliveries (
  order_id BLOB PRIMARY KEY,
  tenant TEXT NOT NULL,
  part INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state = 'waiting' OR state = 'started' OR state = 'cancelled'),
  revision INTEGER NOT NULL,
  version INTEGER NOT NULL,
  heard INTEGER NOT NULL,
  open_holds TEXT,
  released TEXT,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE timers (
  due_at INTEGER NOT NULL,
  shipment_id BLOB NOT NULL,
  order_id BLOB NOT NULL,
  PRIMARY KEY (due_at, shipment_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE work (
  id BLOB PRIMARY KEY,
  target TEXT NOT NULL,
  tenant TEXT NOT NULL,
  order_id BLOB,
  due_at INTEGER NOT NULL,
  body TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  epoch INTEGER NOT NULL DEFAULT 0,
  leased_until INTEGER,
  last_error TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX work_due ON work (target, due_at);

-- The log: append-only, positions rise in commit order.
CREATE TABLE events (
  position INTEGER PRIMARY KEY,
  part INTEGER NOT NULL,
  type TEXT NOT NULL,
  tenant TEXT NOT NULL,
  order_id BLOB,
  stream TEXT NOT NULL CHECK (stream = 'order' OR stream = 'shipment' OR stream = 'delivery' OR stream = 'stock'),
  aggregate_id BLOB NOT NULL,
  seq INTEGER NOT NULL,
  event_id BLOB NOT NULL,
  schema_version INTEGER NOT NULL,
  occurred_at INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  correlation_id TEXT,
  causation_id BLOB,
  traceparent TEXT,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_order ON events (order_id, position);

CREATE TABLE cursors (
  consumer TEXT NOT NULL,
  part INTEGER NOT NULL,
  position INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  PRIMARY KEY (consumer, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
  consumer TEXT NOT NULL,
  part INTEGER NOT NULL,
  owner TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (consumer, part)
) STRICT, WITHOUT ROWID;

-- Events that could not be applied yet, and everything of their order that came after.
CREATE TABLE parked (
  consumer TEXT NOT NULL,
  order_id BLOB NOT NULL,
  position INTEGER NOT NULL,
  part INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  envelope TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state = 'waiting' OR state = 'dead' OR state = 'redrive' OR state = 'discard'),
  error TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  next_attempt_at INTEGER NOT NULL,
  PRIMARY KEY (consumer, order_id, position)
) STRICT, WITHOUT ROWID;
