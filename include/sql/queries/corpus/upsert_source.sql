-- Register the source, or note where its folder is now; what is no folder stays where it was configured.
insert into corpus.source (source_id, tenant, name, kind, location, owner)
values (%(source_id)s, %(tenant)s, %(name)s, %(kind)s, %(location)s, %(owner)s)
on conflict (source_id) do update
set location = case when source.kind = 'folder' then excluded.location else source.location end
returning source_id, sensitivity
