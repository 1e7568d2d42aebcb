-- What an order shows of its shipments stands in its own row, taken from their events: delivery's tables may stand in
-- another database. A JSON array with short names, null for none: it is rewritten with the row at each step, and a table
-- of its own would cost a statement more each time. Orders of earlier versions get what their shipments are now. An
-- older binary does not look at it, nor keep it up: the file may be run again after one has run beside.
ALTER TABLE orders ADD COLUMN IF NOT EXISTS shipments text COLLATE "C";
-- `o` is the first version of the order that shows this state for certain: who has the present one may have seen another.
UPDATE orders o SET shipments = c.copies FROM (
  SELECT s.order_id, json_agg(json_strip_nulls(json_build_object(
    'i', s.id, 'v', s.vendor, 'a', s.attempt, 's', s.status, 'n', s.version,
    'o', p.version + 1,
    'l', (SELECT json_agg(json_build_array((l.line ->> 'line')::int, (l.line ->> 'quantity')::bigint) ORDER BY l.place)
      FROM json_array_elements(s.lines::json) WITH ORDINALITY AS l (line, place)),
    't', s.tracking_number, 'c', s.carrier, 'm', s.created_at, 'u', s.updated_at, 'x', s.shipped_at, 'd', s.delivered_at
  )) ORDER BY s.created_at, s.id)::text AS copies
  FROM shipments s JOIN orders p ON p.id = s.order_id GROUP BY s.order_id
) AS c WHERE o.id = c.order_id;
