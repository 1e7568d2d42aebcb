-- The events that a transaction appends about one order, in one row: see `packed` in the crate's source. A row without
-- packed events is one event, as before; one with them has nulls in the columns that are each event's own.
ALTER TABLE events ADD COLUMN event_count smallint NOT NULL DEFAULT 1;
-- The types of the packed events, a bit each.
ALTER TABLE events ADD COLUMN kinds bigint;
ALTER TABLE events ADD COLUMN packed bytea;
-- It is small and dense already: trying to compress it again costs time at every insert.
ALTER TABLE events ALTER COLUMN packed SET STORAGE EXTERNAL;
ALTER TABLE events
  ALTER COLUMN stream DROP NOT NULL,
  ALTER COLUMN aggregate_id DROP NOT NULL,
  ALTER COLUMN seq DROP NOT NULL,
  ALTER COLUMN schema_version DROP NOT NULL,
  ALTER COLUMN occurred_at DROP NOT NULL,
  ALTER COLUMN actor DROP NOT NULL,
  ALTER COLUMN body DROP NOT NULL;
