-- Begin to buy, or alone: to change budgets while nobody buys; say whether any budget is in force.
select ledger.join_budgets(%(tenant)s, %(alone)s)
