-- Searches of this transaction may ask the version that is compared with the one in force.
select set_config('plumbline.compared_index', %(index_id)s::integer::text, true)
