-- Another cap is in force in a period; below what is spent and leased, the rest is over.
update ledger.budget_period
set budget_id = %(budget)s,
    cap_usd = %(cap_usd)s,
    over_usd = greatest(0, spent_usd + leased_usd - %(cap_usd)s)
where period_id = %(period)s
