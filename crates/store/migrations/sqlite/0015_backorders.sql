-- The tenant of an order that may wait for stock; none for other orders. Its lines that wait are found by their sku, in
-- the order in which the orders came.
ALTER TABLE order_lines ADD COLUMN waits_in TEXT;
CREATE INDEX order_lines_waiting ON order_lines (waits_in, sku, order_id) WHERE waits_in IS NOT NULL AND backordered > 0;
-- Cancelled units that the order lost because it failed: a retry sources them again.
ALTER TABLE order_lines ADD COLUMN given_up INTEGER NOT NULL DEFAULT 0 CHECK (given_up >= 0);

-- Units that on_hand counts and that were not found: orders had reserved them when a count found fewer.
ALTER TABLE stock ADD COLUMN shortfall INTEGER NOT NULL DEFAULT 0 CHECK (shortfall >= 0);
