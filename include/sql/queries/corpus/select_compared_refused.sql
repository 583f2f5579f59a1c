-- The files that a run would refuse without reading them.
select path, reason_code, reason from compared where action = 'refuse' order by path limit %(page)s
