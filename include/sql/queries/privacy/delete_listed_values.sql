-- Nothing of the customer list before stays.
delete from privacy.listed_value
