-- Commands that were given with an Idempotency-Key, one row for each that was done. A table of its own: a row of
-- `claims` belongs to an order, and orders pay nothing for this one. An older binary does not look at it.
CREATE TABLE command_claims (
  tenant text COLLATE "C" NOT NULL,
  hash uuid NOT NULL,
  request uuid NOT NULL,
  outcome text NOT NULL,
  expires_at bigint NOT NULL,
  PRIMARY KEY (hash, tenant)
);
CREATE INDEX command_claims_expiring ON command_claims (expires_at);
