-- Clients of the token endpoint. An id is unique over all tenants, because a request for a token names none. Secrets
-- are kept as SHA-256 in 64 hexadecimal digits: the newest one, and the one before it while it is live.
CREATE TABLE clients (
  id TEXT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  scopes TEXT NOT NULL,
  secret_hash TEXT NOT NULL CHECK (length(secret_hash) = 64),
  secret_at INTEGER NOT NULL,
  older_hash TEXT CHECK (length(older_hash) = 64),
  older_at INTEGER,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER,
  version INTEGER NOT NULL CHECK (version >= 1),
  CHECK ((older_hash IS NULL) = (older_at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX clients_of_tenant ON clients (tenant, id);
