-- Events that other stores send. `inbox_sources` names each consumer and store by a small number, since every watermark
-- has it. A generation without a number was seen and waits until an operator adopts it.
CREATE TABLE inbox_sources (
  id integer PRIMARY KEY,
  consumer text COLLATE "C" NOT NULL,
  store_id text COLLATE "C" NOT NULL,
  UNIQUE (consumer, store_id)
);

CREATE TABLE inbox_generations (
  source integer NOT NULL,
  generation text COLLATE "C" NOT NULL,
  number bigint,
  seen_at bigint NOT NULL,
  PRIMARY KEY (source, generation),
  UNIQUE (source, number)
);

-- How far a consumer has got with an aggregate of a source: written in the transaction of the event's effect.
CREATE TABLE inbox_watermarks (
  source integer NOT NULL,
  stream text COLLATE "C" NOT NULL,
  aggregate_id uuid NOT NULL,
  generation bigint NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (aggregate_id, source, stream)
) WITH (fillfactor = 70);
