-- How the wanted keys stand: answered, answered with what does not fit and nobody has put right, or bought by others.
select
    wanted.key, answer.key is not null as answered,
    case when answer.outcome = 'invalid' and not answer.mended then answer.call_id end as mends,
    case when answer.outcome = 'invalid' and not answer.mended then answer.body end as body,
    exists (select from ledger.batch_key where batch_key.key = wanted.key)
    or wanted.key in (select unnest(intent.keys) from ledger.intent where intent.model = %(model)s) as under_way
from unnest(%(keys)s::bytea[]) as wanted (key)
left join ledger.answer on answer.key = wanted.key and (answer.expires_at is null or answer.expires_at > now())
