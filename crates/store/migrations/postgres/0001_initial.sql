-- The same tables as in the embedded store, with the types of this one: ids are uuid, times are microseconds since
-- the epoch (UTC), statuses are text with CHECK, the same words as on the wire. Hashes of 16 bytes are kept as uuid,
-- which compares fastest.
--
-- Rows that are rewritten leave room on their pages (fillfactor), so that a new version stays beside the old one and
-- no index is touched.

CREATE TABLE meta (
  key text PRIMARY KEY,
  value text NOT NULL
);

CREATE TABLE claims (
  tenant text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('key', 'reference', 'number', 'duplicate')),
  hash uuid NOT NULL,
  order_id uuid NOT NULL,
  body_hash uuid NOT NULL,
  expires_at bigint,
  PRIMARY KEY (hash, kind, tenant)
);

CREATE SEQUENCE order_numbers;

-- Narrow on purpose: it is rewritten at every step of an order. `n` is the readable number's value.
CREATE TABLE orders (
  n bigint PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  tenant text COLLATE "C" NOT NULL,
  part smallint NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'backordered', 'confirmed', 'processing', 'partially_shipped', 'shipped',
    'delivered', 'cancelling', 'cancelled', 'failed')),
  version bigint NOT NULL CHECK (version > 0),
  sourcing boolean NOT NULL DEFAULT FALSE,
  started boolean NOT NULL DEFAULT FALSE,
  failed boolean NOT NULL DEFAULT FALSE,
  cancelling_from text,
  policy text NOT NULL,
  caller_number text,
  customer_id text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  completed_at bigint,
  cancelled_at bigint,
  cancel_reason text,
  promised_by bigint,
  placed_at bigint
) WITH (fillfactor = 60);

-- What never changes after acceptance, and what stood on the order when it was accepted.
CREATE TABLE order_content (
  n bigint PRIMARY KEY,
  content text NOT NULL,
  birth text NOT NULL
);

-- Data about people: here and nowhere else. Rows are appended, never changed.
CREATE TABLE order_personal (
  order_id uuid NOT NULL,
  seq bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('order', 'hold_note')),
  data text NOT NULL,
  PRIMARY KEY (order_id, seq)
);

CREATE TABLE order_lines (
  order_id uuid NOT NULL,
  line smallint NOT NULL,
  sku text NOT NULL,
  vendor text,
  requires_shipping boolean NOT NULL,
  ordered bigint NOT NULL CHECK (ordered > 0),
  cancelled bigint NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
  backordered bigint NOT NULL DEFAULT 0 CHECK (backordered >= 0),
  reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  in_shipment bigint NOT NULL DEFAULT 0 CHECK (in_shipment >= 0),
  shipped bigint NOT NULL DEFAULT 0 CHECK (shipped >= 0),
  delivered bigint NOT NULL DEFAULT 0 CHECK (delivered >= 0),
  returned bigint NOT NULL DEFAULT 0 CHECK (returned >= 0),
  lost bigint NOT NULL DEFAULT 0 CHECK (lost >= 0),
  PRIMARY KEY (order_id, line),
  CHECK (ordered = cancelled + backordered + reserved + in_shipment + shipped),
  CHECK (delivered + returned + lost <= shipped)
) WITH (fillfactor = 60);

CREATE TABLE order_holds (
  order_id uuid NOT NULL,
  id uuid NOT NULL,
  reason text NOT NULL,
  placed_at bigint NOT NULL,
  placed_by text NOT NULL,
  released_at bigint,
  PRIMARY KEY (order_id, id)
);

CREATE TABLE stock (
  tenant text COLLATE "C" NOT NULL,
  sku text COLLATE "C" NOT NULL,
  vendor text COLLATE "C" NOT NULL,
  on_hand bigint NOT NULL,
  reserved bigint NOT NULL DEFAULT 0,
  safety bigint NOT NULL DEFAULT 0 CHECK (safety >= 0),
  version bigint NOT NULL,
  synced_at bigint NOT NULL,
  PRIMARY KEY (tenant, sku, vendor),
  CHECK (vendor <> 'local' OR reserved BETWEEN 0 AND on_hand)
) WITH (fillfactor = 40);

CREATE TABLE stock_movements (
  n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  sku text NOT NULL,
  vendor text NOT NULL,
  delta bigint NOT NULL,
  reason text,
  actor text NOT NULL,
  reference text,
  at bigint NOT NULL
);

CREATE TABLE reservations (
  order_id uuid NOT NULL,
  line smallint NOT NULL,
  vendor text NOT NULL,
  attempt integer NOT NULL DEFAULT 1,
  sku text NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  state text NOT NULL CHECK (state IN ('held', 'committed', 'consumed', 'expired', 'released')),
  quantity bigint NOT NULL CHECK (quantity > 0),
  consumed bigint NOT NULL DEFAULT 0 CHECK (consumed >= 0),
  released bigint NOT NULL DEFAULT 0 CHECK (released >= 0),
  expires_at bigint,
  PRIMARY KEY (order_id, line, vendor, attempt),
  CHECK (consumed + released <= quantity)
) WITH (fillfactor = 60);
CREATE INDEX reservations_expiring ON reservations (expires_at) WHERE state = 'held';

CREATE TABLE shipments (
  id uuid PRIMARY KEY,
  order_id uuid NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  part smallint NOT NULL,
  vendor text NOT NULL,
  attempt integer NOT NULL,
  status text NOT NULL CHECK (status IN ('processing', 'shipped', 'delivered', 'delivery_failed', 'returned', 'lost', 'cancelled', 'failed')),
  version bigint NOT NULL,
  lines text NOT NULL,
  tracking_number text,
  carrier text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  shipped_at bigint,
  delivered_at bigint,
  due_at bigint,
  UNIQUE (order_id, vendor, attempt)
) WITH (fillfactor = 60);

-- What the role delivery knows of an order; state 'cancelled' is the tombstone.
CREATE TABLE deliveries (
  order_id uuid PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  part smallint NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'started', 'cancelled')),
  revision bigint NOT NULL,
  version bigint NOT NULL,
  heard bigint NOT NULL,
  open_holds text,
  released text,
  updated_at bigint NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE timers (
  part smallint NOT NULL,
  due_at bigint NOT NULL,
  shipment_id uuid NOT NULL,
  order_id uuid NOT NULL,
  PRIMARY KEY (part, due_at, shipment_id)
);

CREATE TABLE work (
  id uuid PRIMARY KEY,
  target text NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  order_id uuid,
  due_at bigint NOT NULL,
  body text NOT NULL,
  attempts bigint NOT NULL DEFAULT 0,
  epoch bigint NOT NULL DEFAULT 0,
  leased_until bigint,
  last_error text
);
CREATE INDEX work_due ON work (target, due_at);

-- The log: append-only; within a part positions rise in commit order. Each part has a sequence of its own,
-- `log_positions_<part>`, made with the store: how many there are is the store's choice for good.
CREATE TABLE events (
  part smallint NOT NULL,
  position bigint NOT NULL,
  type text NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  order_id uuid,
  stream text NOT NULL CHECK (stream IN ('order', 'shipment', 'delivery', 'stock')),
  aggregate_id uuid NOT NULL,
  seq bigint NOT NULL,
  event_id uuid NOT NULL,
  schema_version smallint NOT NULL,
  occurred_at bigint NOT NULL,
  recorded_at bigint NOT NULL,
  actor text NOT NULL,
  correlation_id text,
  causation_id uuid,
  traceparent text,
  body text NOT NULL,
  PRIMARY KEY (part, position)
);
CREATE INDEX events_of_order ON events (order_id, position);

-- How many orders have which status, as sums to be added up: a row that everybody counts in would be waited for.
-- Housekeeping folds them together.
CREATE TABLE order_counts (
  n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  deltas bigint[] NOT NULL
);

CREATE TABLE cursors (
  consumer text NOT NULL,
  part smallint NOT NULL,
  position bigint NOT NULL,
  epoch bigint NOT NULL,
  PRIMARY KEY (consumer, part)
) WITH (fillfactor = 10);

-- Apart from the cursors, so that an owner frozen inside a transaction cannot hide that its lease has run out.
CREATE TABLE leases (
  consumer text NOT NULL,
  part smallint NOT NULL,
  owner text NOT NULL,
  epoch bigint NOT NULL,
  until bigint NOT NULL,
  PRIMARY KEY (consumer, part)
) WITH (fillfactor = 10);

-- Events that could not be applied yet, and everything of their order that came after.
CREATE TABLE parked (
  consumer text COLLATE "C" NOT NULL,
  order_id uuid NOT NULL,
  position bigint NOT NULL,
  part smallint NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  envelope text NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'dead', 'redrive', 'discard')),
  error text,
  attempts bigint NOT NULL DEFAULT 0,
  first_at bigint NOT NULL,
  last_at bigint NOT NULL,
  next_attempt_at bigint NOT NULL,
  PRIMARY KEY (consumer, order_id, position)
);
