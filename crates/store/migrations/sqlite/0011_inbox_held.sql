-- Messages of other stores that wait here: events that are not the next of their aggregate ('gap'), and messages that
-- cannot be read. `content` is the whole message; `message` is the event's id, or made of the content. The row of the
-- watermark counts the gaps, so that an aggregate without one costs no read of this table.
CREATE TABLE inbox_held (
  consumer TEXT NOT NULL,
  key BLOB NOT NULL,
  message BLOB NOT NULL,
  part INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  reason TEXT NOT NULL CHECK (reason = 'gap' OR reason = 'unreadable'),
  state TEXT NOT NULL CHECK (state = 'waiting' OR state = 'redrive' OR state = 'discard'),
  source INTEGER,
  stream TEXT,
  aggregate_id BLOB,
  generation INTEGER,
  seq INTEGER,
  content TEXT NOT NULL,
  error TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  PRIMARY KEY (consumer, key, message),
  CHECK (reason <> 'gap' OR seq IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX inbox_held_of_tenant ON inbox_held (tenant, consumer, key);
CREATE INDEX inbox_held_of_aggregate ON inbox_held (aggregate_id, source);
CREATE INDEX inbox_held_of_part ON inbox_held (consumer, part);
CREATE INDEX inbox_held_of_reason ON inbox_held (reason, consumer);

ALTER TABLE inbox_watermarks ADD COLUMN gaps INTEGER NOT NULL DEFAULT 0;
