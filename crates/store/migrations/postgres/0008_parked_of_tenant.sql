-- The dead letters of a tenant are found by its name: listing them costs in proportion to what is the tenant's, however
-- many others have. Few events are parked, so the build is short and stops no order.
CREATE INDEX parked_of_tenant ON parked (tenant, consumer, order_id, position);
