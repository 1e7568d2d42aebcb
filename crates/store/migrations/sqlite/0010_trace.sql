-- The ids of the request that a shipment was made for: the carrier's later steps, which have no request of their own,
-- carry them in their events. Null in shipments of earlier versions, and in those that an older binary makes beside
-- this one.
ALTER TABLE shipments ADD COLUMN correlation_id TEXT;
ALTER TABLE shipments ADD COLUMN traceparent TEXT;
