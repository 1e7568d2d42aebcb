-- What each process counted, a row for each slot of ten seconds and of five minutes: see `domain::sample`. The row of a
-- slot that is being filled is written again and again.
CREATE TABLE samples (
  -- The length of the slot in seconds.
  resolution INTEGER NOT NULL,
  slot_start INTEGER NOT NULL,
  process TEXT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (resolution, slot_start, process)
) STRICT, WITHOUT ROWID;
