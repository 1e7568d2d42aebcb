-- Parked events that an operator discarded. `waybill verify` explains by them what does not add up because of it.
CREATE TABLE discards (
  consumer text COLLATE "C" NOT NULL,
  order_id uuid NOT NULL,
  position bigint NOT NULL,
  part smallint NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (consumer, order_id, position)
);
