-- Take over the call of a process that is gone.
update ledger.intent set holder = %(holder)s where call_id = %(call_id)s
