-- What a tenant has is found by its name: reading costs in proportion to what is the tenant's, however much others
-- have.
--
-- The log has 8 events for a delivered order, so it gets no index of its own for the feed: the one by order begins
-- with the tenant now. Binaries of the former schema find the events of an order by it too; only when a COMMIT was
-- never answered do they look for an event without its tenant, which takes them long on a large log.
CREATE INDEX events_of_tenant ON events (tenant, order_id, position);
DROP INDEX events_of_order;
CREATE INDEX orders_of_tenant ON orders (tenant, n);
CREATE INDEX shipments_of_tenant ON shipments (tenant, id);
