-- A bought embedding goes with the last chunk that uses it, and any answer when it has expired. While another ingestion of
-- the tenant is under way, which may have found one of them, nothing goes; the next publication sweeps. An ingestion that
-- has been open for a day is dead.
delete from ledger.answer
where expires_at < now()
    or (
        use = 'embed_chunk'
        and not exists (select from corpus.chunk where chunk.answer_key = answer.key)
        and not exists (select from corpus.staged_chunk as staged where staged.answer_key = answer.key)
        and not exists (select from corpus.answers_in_the_making() as kept (key) where kept.key = answer.key)
        -- What a build of another index has bought and not yet kept; one that has not gone on for a day is dead.
        and not exists (
            select from corpus.vector_index as making
            where making.worked_at > now() - interval '1 day'
                and making.model = answer.model
                and making.dimensions = vector_dims(answer.vector)
        )
        and not exists (
            select from corpus.ingestion
            where state = 'scanned' and ingestion_id <> %(ingestion_id)s and scanned_at > now() - interval '1 day'
        )
    )
