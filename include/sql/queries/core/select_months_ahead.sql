-- For how many months every monthly table is prepared.
select core.months_ahead() as months
