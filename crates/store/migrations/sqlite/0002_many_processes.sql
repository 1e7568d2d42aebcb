-- Who acts as a consumer: each says so now and then, and is forgotten when it no longer does.
CREATE TABLE members (
  consumer TEXT NOT NULL,
  owner TEXT NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (consumer, owner)
) STRICT, WITHOUT ROWID;
