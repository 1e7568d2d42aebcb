-- The events that a transaction appends about one order, in one row: see `packed` in the crate's source. A row without
-- packed events is one event, as before; one with them has nulls in the columns that are each event's own. The types of
-- packed events are a bit each in `kinds`.
--
-- ALTER TABLE would read the whole log for each column, since the table is STRICT, and cannot drop NOT NULL. SQLite's
-- documentation names this way, which leaves the rows as they are:
-- https://sqlite.org/lang_altertable.html#making_other_kinds_of_table_schema_changes
--
-- Making a table and dropping it changes the number by which other connections see that the schema is another one.
CREATE TABLE schema_changes (n INTEGER);
DROP TABLE schema_changes;
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(replace(replace(replace(replace(replace(replace(sql,
  'stream TEXT NOT NULL', 'stream TEXT'),
  'aggregate_id BLOB NOT NULL', 'aggregate_id BLOB'),
  'seq INTEGER NOT NULL', 'seq INTEGER'),
  'schema_version INTEGER NOT NULL', 'schema_version INTEGER'),
  'occurred_at INTEGER NOT NULL', 'occurred_at INTEGER'),
  'actor TEXT NOT NULL', 'actor TEXT'),
  'body TEXT NOT NULL', 'body TEXT, event_count INTEGER NOT NULL DEFAULT 1, kinds INTEGER, packed BLOB')
  WHERE type = 'table' AND name = 'events';
PRAGMA writable_schema = RESET;
-- Fails, and with it the migration, if the columns are not there.
CREATE TEMP VIEW packed_columns AS SELECT event_count, kinds, packed FROM events;
DROP VIEW packed_columns;
