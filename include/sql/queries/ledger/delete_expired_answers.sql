-- Make room for answers that are bought anew.
delete from ledger.answer where key = any(%(keys)s) and expires_at <= now()
