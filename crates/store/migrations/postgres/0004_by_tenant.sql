-- What a tenant has is found by its name: reading costs in proportion to what is the tenant's, however much others
-- have.
--
-- The log has 8 events for a delivered order, so it gets no index of its own for the feed: the one by order begins
-- with the tenant now. Binaries of the former schema find the events of an order by it too; only when a COMMIT was
-- never answered do they look for an event without its tenant, which takes them long on a large log.
--
-- On a large log the operator builds these indexes beforehand with CREATE INDEX CONCURRENTLY, which does not stop
-- writes. One that such a build left incomplete is of no use to a query, so it is built again here.
DO $$
DECLARE incomplete regclass;
BEGIN
    FOR incomplete IN
        SELECT indexrelid FROM pg_index WHERE NOT indisvalid AND indexrelid IN
            (to_regclass('events_of_tenant'), to_regclass('orders_of_tenant'), to_regclass('shipments_of_tenant'))
    LOOP
        EXECUTE format('DROP INDEX %s', incomplete);
    END LOOP;
END $$;
CREATE INDEX IF NOT EXISTS events_of_tenant ON events (tenant, order_id, position);
CREATE INDEX IF NOT EXISTS orders_of_tenant ON orders (tenant, n);
CREATE INDEX IF NOT EXISTS shipments_of_tenant ON shipments (tenant, id);
-- Last, because it locks out even readers until the transaction ends.
DROP INDEX IF EXISTS events_of_order;
