-- Another customer list comes into force; who loads one at the same time waits here.
insert into privacy.listing (tenant, listing_id, entries, loaded_by)
values (%(tenant)s, %(listing_id)s, %(entries)s, %(loaded_by)s)
on conflict (tenant) do update
set listing_id = excluded.listing_id, entries = excluded.entries, loaded_by = excluded.loaded_by, loaded_at = now()
