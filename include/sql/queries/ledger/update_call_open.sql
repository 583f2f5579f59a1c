-- A call was cut off: it stays sent (and will be repeated), or becomes unknown (and a person decides).
update ledger.call
set state = %(state)s,
    attempts = attempts + %(attempts)s,
    status_counts = status_counts || %(status_counts)s,
    error = %(error)s
where call_id = %(call_id)s and at = %(call_at)s and state in ('sent', 'unknown')
