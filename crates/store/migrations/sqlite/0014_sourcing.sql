-- Orders that vendors are asked for. A line with 1 here has no vendor of its own: its reservations name where its units
-- come from, so that an older version, which knows of one vendor a line, moves none of them.
ALTER TABLE order_lines ADD COLUMN sourced INTEGER NOT NULL DEFAULT 0;

-- The order does not want it any more, and it ends with the call to its vendor.
ALTER TABLE reservations ADD COLUMN ending INTEGER NOT NULL DEFAULT 0;
-- When the vendor has taken the units out of its stock, or may have.
ALTER TABLE reservations ADD COLUMN agreed_at INTEGER;
-- Nobody knows whether the vendor has the units.
ALTER TABLE reservations ADD COLUMN uncertain INTEGER NOT NULL DEFAULT 0;
-- Why the vendor was chosen.
ALTER TABLE reservations ADD COLUMN reason TEXT;
CREATE INDEX reservations_agreed ON reservations (tenant, vendor, sku, agreed_at) WHERE agreed_at IS NOT NULL;

-- How often a lease of the piece ended without a result.
ALTER TABLE work ADD COLUMN unanswered INTEGER NOT NULL DEFAULT 0;
