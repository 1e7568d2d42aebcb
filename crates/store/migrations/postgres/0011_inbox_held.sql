-- Messages of other stores that wait here: events that are not the next of their aggregate ('gap'), and messages that
-- cannot be read. `content` is the whole message; `message` is the event's id, or made of the content. The row of the
-- watermark counts the gaps, so that an aggregate without one costs no read of this table.
CREATE TABLE inbox_held (
  consumer text COLLATE "C" NOT NULL,
  key uuid NOT NULL,
  message uuid NOT NULL,
  part smallint NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  reason text COLLATE "C" NOT NULL CHECK (reason = 'gap' OR reason = 'unreadable'),
  state text COLLATE "C" NOT NULL CHECK (state = 'waiting' OR state = 'redrive' OR state = 'discard'),
  source integer,
  stream text COLLATE "C",
  aggregate_id uuid,
  generation bigint,
  seq bigint,
  content text NOT NULL,
  error text NOT NULL,
  attempts bigint NOT NULL DEFAULT 0,
  first_at bigint NOT NULL,
  last_at bigint NOT NULL,
  PRIMARY KEY (consumer, key, message),
  CHECK (reason <> 'gap' OR seq IS NOT NULL)
);

CREATE INDEX inbox_held_of_tenant ON inbox_held (tenant, consumer, key);
CREATE INDEX inbox_held_of_aggregate ON inbox_held (aggregate_id, source);
CREATE INDEX inbox_held_of_part ON inbox_held (consumer, part);
CREATE INDEX inbox_held_of_reason ON inbox_held (reason, consumer);

ALTER TABLE inbox_watermarks ADD COLUMN gaps bigint NOT NULL DEFAULT 0;
