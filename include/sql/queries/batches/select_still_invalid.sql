-- Which of these lines of a batch, which is held, still wait for their answers to be put right; those are there.
select line.call_id
from ledger.batch_line as line
join ledger.answer on answer.key = line.keys[1] and answer.call_id = line.call_id
where line.batch_id = %(batch_id)s
    and line.call_id = any(%(call_ids)s)
    and line.left_as = 'invalid'
    and answer.outcome = 'invalid'
    and not answer.mended
