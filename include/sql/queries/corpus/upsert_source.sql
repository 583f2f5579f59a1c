-- Register the source, or note where it is now.
insert into corpus.source (source_id, tenant, name, kind, location, owner)
values (%(source_id)s, %(tenant)s, %(name)s, 'folder', %(location)s, %(owner)s)
on conflict (source_id) do update set location = excluded.location
returning source_id, sensitivity
