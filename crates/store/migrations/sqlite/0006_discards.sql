-- Parked events that an operator discarded. `waybill verify` explains by them what does not add up because of it.
CREATE TABLE discards (
  consumer TEXT NOT NULL,
  order_id BLOB NOT NULL,
  position INTEGER NOT NULL,
  part INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  type TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (consumer, order_id, position)
) STRICT, WITHOUT ROWID;
