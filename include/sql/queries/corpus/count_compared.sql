-- What is to become of the documents; the source was found empty if none of them was scanned.
select
    count(*) as found,
    count(*) filter (where action = 'store') as store,
    count(*) filter (where action = 'unchanged') as unchanged,
    count(*) filter (where action = 'refuse') as refuse,
    count(*) filter (where action = 'refuse' and not refused_before) as newly_refused,
    count(*) filter (where action = 'remove') as remove,
    (select count(*) from scanned) as scanned
from compared
