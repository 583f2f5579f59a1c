-- How many values of each kind the customer list has.
select kind, count(*) as entries
from privacy.listed_value
group by kind
order by kind
