-- A retired version is to be brought back: it is completed like one in the making.
update corpus.vector_index set state = 'building', worked_at = now() where index_id = %(index_id)s and state = 'retired'
