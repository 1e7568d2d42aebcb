-- A row of stock is rewritten many times a second, and every version stays as long as somebody holds a snapshot (a
-- backup, a report, a replica's feedback). Whoever looked the row up by its key went through all of them. Now each 64
-- writes begin a new `run`, which stands in the index behind the key: the newest run is found at once, and within it
-- there are few versions.
--
-- With the run in it the index no longer keeps a row from being there twice; the keys stand apart for that, under
-- triggers, so that binaries of the former schema may go on beside this one.
CREATE TABLE stock_keys (
  tenant text COLLATE "C" NOT NULL,
  sku text COLLATE "C" NOT NULL,
  vendor text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, sku, vendor)
);
LOCK TABLE stock IN ACCESS EXCLUSIVE MODE;
INSERT INTO stock_keys (tenant, sku, vendor) SELECT tenant, sku, vendor FROM stock;

ALTER TABLE stock DROP CONSTRAINT stock_pkey,
  ADD COLUMN writes bigint NOT NULL DEFAULT 0,
  ADD COLUMN run bigint GENERATED ALWAYS AS (writes / 64) STORED;
ALTER TABLE stock ADD PRIMARY KEY (tenant, sku, vendor, run);

CREATE FUNCTION stock_row_is_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stock_keys (tenant, sku, vendor) VALUES (NEW.tenant, NEW.sku, NEW.vendor) ON CONFLICT DO NOTHING;
  IF FOUND THEN
    RETURN NEW;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER stock_row_is_new BEFORE INSERT ON stock FOR EACH ROW EXECUTE FUNCTION stock_row_is_new();

CREATE FUNCTION stock_row_is_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM stock_keys WHERE tenant = OLD.tenant AND sku = OLD.sku AND vendor = OLD.vendor;
  RETURN NULL;
END $$;
CREATE TRIGGER stock_row_is_gone AFTER DELETE ON stock FOR EACH ROW EXECUTE FUNCTION stock_row_is_gone();
