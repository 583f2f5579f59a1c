-- An answer that does not fit what was asked for, and that nobody has tried to put right.
select call_id, body
from ledger.answer
where key = %(key)s
    and outcome = 'invalid'
    and not mended
    and (expires_at is null or expires_at > now())
