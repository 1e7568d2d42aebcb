-- Clients of the token endpoint. An id is unique over all tenants, because a request for a token names none. Secrets
-- are kept as SHA-256 in 64 hexadecimal digits: the newest one, and the one before it while it is live.
CREATE TABLE clients (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  scopes text NOT NULL,
  secret_hash text NOT NULL CHECK (length(secret_hash) = 64),
  secret_at bigint NOT NULL,
  older_hash text CHECK (length(older_hash) = 64),
  older_at bigint,
  created_at bigint NOT NULL,
  revoked_at bigint,
  version bigint NOT NULL CHECK (version >= 1),
  CHECK ((older_hash IS NULL) = (older_at IS NULL))
);

CREATE INDEX clients_of_tenant ON clients (tenant, id);
