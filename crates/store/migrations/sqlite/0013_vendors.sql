-- Vendors whose stock orders may draw on. A removed one keeps its row: stock, movements and orders name it.
CREATE TABLE vendors (
  tenant TEXT NOT NULL,
  name TEXT NOT NULL CHECK (name <> 'local' AND name <> 'inventory'),
  base_url TEXT NOT NULL,
  priority INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  lead_time_hours INTEGER NOT NULL,
  rate_limit_per_s INTEGER NOT NULL CHECK (rate_limit_per_s >= 1),
  idempotent INTEGER NOT NULL,
  enabled INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  removed_at INTEGER,
  version INTEGER NOT NULL CHECK (version >= 1),
  PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

-- How the last reading of a vendor's stock went, and when one was last asked for.
CREATE TABLE vendor_syncs (
  tenant TEXT NOT NULL,
  vendor TEXT NOT NULL,
  asked_at INTEGER,
  tried_at INTEGER,
  synced_at INTEGER,
  error TEXT,
  skus INTEGER NOT NULL DEFAULT 0,
  changed INTEGER NOT NULL DEFAULT 0,
  drift INTEGER NOT NULL DEFAULT 0,
  refused INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, vendor)
) STRICT, WITHOUT ROWID;
