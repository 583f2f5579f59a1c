-- The embeddings bought under these keys.
select key, vector
from ledger.answer
where key = any(%(keys)s) and vector is not null
