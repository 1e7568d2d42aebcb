-- Who acts as a consumer: each says so now and then, and is forgotten when it no longer does.
CREATE TABLE members (
  consumer text NOT NULL,
  owner text COLLATE "C" NOT NULL,
  until bigint NOT NULL,
  PRIMARY KEY (consumer, owner)
) WITH (fillfactor = 10);
