-- Begin to change budgets of this tenant while nobody of it buys.
select ledger.join_budgets(core.current_tenant(), true)
