-- The answers that are kept under these keys and may be used now.
select key, call_id, outcome, body
from ledger.answer
where key = any(%(keys)s) and body is not null and (expires_at is null or expires_at > now())
