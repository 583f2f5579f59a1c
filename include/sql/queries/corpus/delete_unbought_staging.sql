-- What an earlier try at the shard had staged when it died, before all of its answers were bought, is prepared anew.
-- The offset keeps the planner from reading the staged chunks of all shards for it.
delete from corpus.staged_document as staged
using corpus.ingestion_file as file
where file.ingestion_id = %(ingestion_id)s
    and file.shard = %(shard)s
    and file.action = 'store'
    and file.document_id = staged.document_id
    and exists (
        select from corpus.staged_chunk as chunk
        left join ledger.answer on answer.key = chunk.answer_key and answer.vector is not null
        where chunk.document_id = staged.document_id and answer.key is null
        offset 0
    )
