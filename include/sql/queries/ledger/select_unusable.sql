-- The last call of a day that was answered, billed and of no use, unless a proof has succeeded since.
-- Only an answer that could not be used leaves a call that has failed and met 200.
select call.call_id
from ledger.call
where call.endpoint = %(endpoint)s
    and call.model = %(model)s
    and call.use = %(use)s
    and call.state = 'failed'
    and call.status_counts ? '200'
    and call.at > now() - interval '1 day'
    and not exists (
        select from ledger.call as proof
        where proof.endpoint = call.endpoint
            and proof.model = call.model
            and proof.use = 'verify'
            and proof.state = 'settled'
            and proof.at > call.at
    )
order by call.at desc
limit 1
