-- Which of these keys have an answer that does not fit what was asked for, and that nobody has tried to put right,
-- and which batch is doing so.
select answer.key, (select batch_id from ledger.batch_key where batch_key.key = answer.key) as batch_id
from ledger.answer
where answer.key = any(%(keys)s)
    and answer.outcome = 'invalid'
    and not answer.mended
    and (answer.expires_at is null or answer.expires_at > now())
