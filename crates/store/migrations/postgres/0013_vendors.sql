-- Vendors whose stock orders may draw on. A removed one keeps its row: stock, movements and orders name it.
CREATE TABLE vendors (
  tenant text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL CHECK (name <> 'local' AND name <> 'inventory'),
  base_url text NOT NULL,
  priority bigint NOT NULL,
  cost bigint NOT NULL,
  lead_time_hours bigint NOT NULL,
  rate_limit_per_s bigint NOT NULL CHECK (rate_limit_per_s >= 1),
  idempotent boolean NOT NULL,
  enabled boolean NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  removed_at bigint,
  version bigint NOT NULL CHECK (version >= 1),
  PRIMARY KEY (tenant, name)
);

-- How the last reading of a vendor's stock went, and when one was last asked for.
CREATE TABLE vendor_syncs (
  tenant text COLLATE "C" NOT NULL,
  vendor text COLLATE "C" NOT NULL,
  asked_at bigint,
  tried_at bigint,
  synced_at bigint,
  error text,
  skus bigint NOT NULL DEFAULT 0,
  changed bigint NOT NULL DEFAULT 0,
  drift bigint NOT NULL DEFAULT 0,
  refused bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, vendor)
);
