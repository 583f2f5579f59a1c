-- Which of these keys have an answer that does not fit what was asked for, and that nobody has tried, or is trying in a
-- batch, to put right; and the answer.
select answer.key, answer.body
from ledger.answer
where answer.key = any(%(keys)s)
    and answer.outcome = 'invalid'
    and not answer.mended
    and (answer.expires_at is null or answer.expires_at > now())
    and not exists (select from ledger.batch_key where batch_key.key = answer.key)
