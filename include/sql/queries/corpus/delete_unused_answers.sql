-- A bought embedding goes with the last chunk that uses it.
delete from ledger.answer
using gone_chunk
where answer.key = gone_chunk.answer_key
    and not exists (select from corpus.chunk where chunk.answer_key = gone_chunk.answer_key)
    and not exists (select from corpus.staged_chunk as staged where staged.answer_key = gone_chunk.answer_key)
