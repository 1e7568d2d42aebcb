-- Events that other stores send. `inbox_sources` names each consumer and store by a small number, since every watermark
-- has it. A generation without a number was seen and waits until an operator adopts it.
CREATE TABLE inbox_sources (
  id INTEGER PRIMARY KEY,
  consumer TEXT NOT NULL,
  store_id TEXT NOT NULL,
  UNIQUE (consumer, store_id)
) STRICT;

CREATE TABLE inbox_generations (
  source INTEGER NOT NULL,
  generation TEXT NOT NULL,
  number INTEGER,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (source, generation),
  UNIQUE (source, number)
) STRICT, WITHOUT ROWID;

-- How far a consumer has got with an aggregate of a source: written in the transaction of the event's effect.
CREATE TABLE inbox_watermarks (
  source INTEGER NOT NULL,
  stream TEXT NOT NULL,
  aggregate_id BLOB NOT NULL,
  generation INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (aggregate_id, source, stream)
) STRICT, WITHOUT ROWID;
