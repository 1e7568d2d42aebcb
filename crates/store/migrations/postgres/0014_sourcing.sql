-- Orders that vendors are asked for. A line with true here has no vendor of its own: its reservations name where its units
-- come from, so that an older version, which knows of one vendor a line, moves none of them.
ALTER TABLE order_lines ADD COLUMN sourced boolean NOT NULL DEFAULT false;

-- The order does not want it any more, and it ends with the call to its vendor.
ALTER TABLE reservations ADD COLUMN ending boolean NOT NULL DEFAULT false;
-- When the vendor has taken the units out of its stock, or may have.
ALTER TABLE reservations ADD COLUMN agreed_at bigint;
-- Nobody knows whether the vendor has the units.
ALTER TABLE reservations ADD COLUMN uncertain boolean NOT NULL DEFAULT false;
-- Why the vendor was chosen.
ALTER TABLE reservations ADD COLUMN reason text;
CREATE INDEX reservations_agreed ON reservations (tenant, vendor, sku, agreed_at) WHERE agreed_at IS NOT NULL;

-- How often a lease of the piece ended without a result.
ALTER TABLE work ADD COLUMN unanswered bigint NOT NULL DEFAULT 0;
