-- Which of these keys have no answer that may be used, and which batch is buying each.
select wanted.key, (select batch_id from ledger.batch_key where batch_key.key = wanted.key) as batch_id
from unnest(%(keys)s::bytea[]) as wanted (key)
where not exists (
    select from ledger.answer
    where answer.key = wanted.key and (answer.expires_at is null or answer.expires_at > now())
)
