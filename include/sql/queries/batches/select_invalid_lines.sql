-- The next lines of a batch whose answers are to be put right, with these answers, as long as they are there.
select
    line.call_id, line.keys, line.tokens, line.tokens_out, line.request, line.user_ref, line.session_ref, answer.body
from ledger.batch_line as line
join ledger.answer on answer.key = line.keys[1] and answer.call_id = line.call_id
where line.batch_id = %(batch_id)s
    and line.left_as = 'invalid'
    and line.call_id > %(after)s
    and answer.outcome = 'invalid'
    and not answer.mended
order by line.call_id
limit %(page)s
