-- What an order shows of its shipments stands in its own row, taken from their events: delivery's tables may stand in
-- another database. A JSON array with short names, null for none: it is rewritten with the row at each step, and a table
-- of its own would cost a statement more each time. Orders of earlier versions get what their shipments are now. An
-- older binary does not look at it.
ALTER TABLE orders ADD COLUMN shipments TEXT;
-- `o` is the first version of the order that shows this state for certain: who has the present one may have seen another.
UPDATE orders SET shipments = (
  SELECT json_group_array(json(copy)) FROM (
    SELECT json_patch('{}', json_object(
      'i', lower(substr(hex(s.id), 1, 8) || '-' || substr(hex(s.id), 9, 4) || '-' || substr(hex(s.id), 13, 4) || '-' ||
        substr(hex(s.id), 17, 4) || '-' || substr(hex(s.id), 21)),
      'v', s.vendor, 'a', s.attempt, 's', s.status, 'n', s.version,
      'o', orders.version + 1,
      'l', json((SELECT json_group_array(json_array(CAST(l.value ->> 'line' AS INTEGER), l.value ->> 'quantity')) FROM json_each(s.lines) AS l)),
      't', s.tracking_number, 'c', s.carrier, 'm', s.created_at, 'u', s.updated_at, 'x', s.shipped_at, 'd', s.delivered_at
    )) AS copy
    FROM shipments s WHERE s.order_id = orders.id ORDER BY s.created_at, s.id
  )
) WHERE id IN (SELECT order_id FROM shipments);
