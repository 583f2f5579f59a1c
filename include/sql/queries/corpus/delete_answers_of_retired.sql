-- Embeddings by a model that no index in force uses are not kept.
delete from ledger.answer
where use = 'embed_chunk'
    and not exists (select from corpus.chunk where chunk.answer_key = answer.key)
    and not exists (select from corpus.staged_chunk as staged where staged.answer_key = answer.key)
