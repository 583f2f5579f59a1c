-- Plans whose process died before they were complete: nothing of them is in the book, nothing was sent.
delete from ledger.batch_plan where state = 'planning' and not ledger.holder_lives(holder)
