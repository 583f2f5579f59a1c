-- The answers in words that are kept under these keys; whether one may still be used was asked before it was bought.
select key, call_id, outcome, body
from ledger.answer
where key = any(%(keys)s) and body is not null
