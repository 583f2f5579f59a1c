-- Lines of which nothing was heard.
select call_id from ledger.batch_line where batch_id = %(batch_id)s and left_as is null
