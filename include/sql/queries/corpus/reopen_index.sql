-- A version that was in force, and is kept, is to be brought back: it is completed like one in the making. No row, where its
-- table is gone, or its time is over and the table may go at any moment.
update corpus.vector_index set state = 'building', worked_at = now()
where index_id = %(index_id)s
    and in_force_at is not null
    and (state = 'building' or (state = 'retired' and kept_until > now()))
    and to_regclass('corpus.' || table_name) is not null
