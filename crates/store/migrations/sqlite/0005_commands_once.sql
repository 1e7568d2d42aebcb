-- Commands that were given with an Idempotency-Key, one row for each that was done. A table of its own: a row of
-- `claims` belongs to an order, and orders pay nothing for this one. An older binary does not look at it.
CREATE TABLE command_claims (
  tenant TEXT NOT NULL,
  hash BLOB NOT NULL,
  request BLOB NOT NULL,
  outcome TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (hash, tenant)
) STRICT, WITHOUT ROWID;
CREATE INDEX command_claims_expiring ON command_claims (expires_at);
