-- Tokens of the batches of a model that are at the provider, or on their way.
select coalesce(sum(batch.tokens), 0)::bigint as tokens
from ledger.batch
join ledger.batch_plan as plan on plan.plan_id = batch.plan_id
where plan.endpoint = %(endpoint)s and plan.model = %(model)s
    and batch.state in ('uploading', 'submitting', 'submitted')
