-- How the wanted keys stand: answered, answered with what does not fit and nobody has put right, or bought by others;
-- of these last, by which plan, and whether a call in doubt has them, which a person must decide before anybody may buy
-- them.
with intended as materialized (
    select
        unnest(intent.keys) as key,
        call.state = 'unknown' or (call.state = 'sent' and not ledger.holder_lives(intent.holder)) as in_doubt
    from ledger.intent
    join ledger.call on call.call_id = intent.call_id and call.at = intent.call_at
    where intent.model = %(model)s
)
select
    wanted.key, answer.key is not null as answered,
    case when answer.outcome = 'invalid' and not answer.mended then answer.call_id end as mends,
    case when answer.outcome = 'invalid' and not answer.mended then answer.body end as body,
    claim.key is not null or wanted.key in (select key from intended) as under_way,
    (
        claim.key is not null
        and exists (
            select from ledger.batch_line as line
            where line.batch_id = claim.batch_id and line.call_id = claim.call_id and line.left_as = 'unknown'
        )
    )
    or wanted.key in (select key from intended where in_doubt) as in_doubt,
    holding.plan_id as held_by
from unnest(%(keys)s::bytea[]) as wanted (key)
left join ledger.answer on answer.key = wanted.key and (answer.expires_at is null or answer.expires_at > now())
left join ledger.batch_key as claim on claim.key = wanted.key
left join ledger.batch as holding on holding.batch_id = claim.batch_id
