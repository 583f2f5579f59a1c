-- Which of these keys have no answer that may be used.
select wanted.key
from unnest(%(keys)s::bytea[]) as wanted (key)
where not exists (
    select from ledger.answer
    where answer.key = wanted.key and (answer.expires_at is null or answer.expires_at > now())
)
