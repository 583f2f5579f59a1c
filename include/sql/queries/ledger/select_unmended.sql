-- Which of these keys have an answer that does not fit what was asked for, and that nobody has tried to put right.
select answer.key
from ledger.answer
where answer.key = any(%(keys)s)
    and answer.outcome = 'invalid'
    and not answer.mended
    and (answer.expires_at is null or answer.expires_at > now())
