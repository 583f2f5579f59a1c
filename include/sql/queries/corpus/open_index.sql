-- Make what a tenant needs before its first document, and the index version for its model.
select corpus.open_tenant(%(tenant)s) as tenant_number, corpus.open_index(%(tenant)s, %(model)s, %(dimensions)s) as index_id
