-- The periods of budgets in which anything is leased.
select distinct period_id from ledger.lease order by period_id
