-- A document could not be had; what was had of it before stays.
insert into corpus.source_item (source_id, path, tenant, address, problem_code, problem)
values (%(source_id)s, %(path)s, %(tenant)s, %(address)s, %(code)s, %(reason)s)
on conflict (source_id, path) do update
set address = excluded.address, problem_code = excluded.problem_code, problem = excluded.problem, confirmed_at = now()
