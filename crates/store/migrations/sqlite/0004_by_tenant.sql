-- What a tenant has is found by its name: reading costs in proportion to what is the tenant's, however much others
-- have. An index keeps the rowid (position, number) behind its columns.
--
-- The log has 8 events for a delivered order, so it gets no index of its own for the feed: the one by order begins
-- with the tenant now.
CREATE INDEX events_of_tenant ON events (tenant, order_id);
DROP INDEX events_of_order;
CREATE INDEX orders_of_tenant ON orders (tenant);
CREATE INDEX shipments_of_tenant ON shipments (tenant, id);
