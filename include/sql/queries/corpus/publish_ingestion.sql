-- Close the ingestion with what became of every document, and with what the ledger says it cost.
update corpus.ingestion
set state = 'published',
    published_at = now(),
    stored = counted.stored,
    refused = counted.refused,
    removed = counted.removed,
    chunks_added = %(chunks_added)s,
    chunks_kept = %(chunks_kept)s,
    chunks_removed = %(chunks_removed)s,
    embedded = spent.inputs,
    reused = greatest(%(keys_used)s - spent.inputs, 0),
    requests = spent.requests,
    tokens = spent.tokens,
    cost_usd = spent.cost_usd
from
    (
        select
            (select count(*) from corpus.staged_document where source_id = %(source_id)s) as stored,
            count(*) filter (where action = 'refuse') as refused,
            count(*) filter (where action = 'remove') as removed
        from corpus.ingestion_file
        where ingestion_id = %(ingestion_id)s
    ) as counted,
    (
        select
            coalesce(sum(inputs) filter (where state = 'settled'), 0) as inputs,
            count(*) as requests,
            coalesce(sum(tokens_in), 0) as tokens,
            coalesce(sum(cost_usd), 0) as cost_usd
        from ledger.call
        where use = 'embed_chunk'
            and cost_usd is not null
            and dag_run_id = %(dag_run_id)s
            and dag_id is not distinct from %(dag_id)s
            -- A run that was cleared and ran again has been booked before.
            and at > coalesce(
                (
                    select max(published_at) from corpus.ingestion as earlier
                    where earlier.dag_run_id = %(dag_run_id)s and earlier.dag_id is not distinct from %(dag_id)s
                ),
                '-infinity'
            )
    ) as spent
where ingestion.ingestion_id = %(ingestion_id)s
returning ingestion.*
