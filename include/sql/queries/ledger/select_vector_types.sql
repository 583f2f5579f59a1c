-- The numbers of the vector types in this database.
select 'halfvec'::regtype::oid as halfvec, 'halfvec[]'::regtype::oid as halfvecs
