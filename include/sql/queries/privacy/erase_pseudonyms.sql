-- Destroy the way back from pseudonyms.
select privacy.erase_pseudonyms(%(tenant)s, %(ids)s::text[])
