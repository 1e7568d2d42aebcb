-- What each process counted, a row for each slot of ten seconds and of five minutes: see `domain::sample`. The row of a
-- slot that is being filled is written again and again, in the room that its page keeps for that.
CREATE TABLE samples (
  -- The length of the slot in seconds.
  resolution smallint NOT NULL,
  slot_start bigint NOT NULL,
  process text COLLATE "C" NOT NULL,
  data text NOT NULL,
  PRIMARY KEY (resolution, slot_start, process)
) WITH (fillfactor = 70);
