-- Vectors are being bought for it: for a day, no answer by its model is swept.
update corpus.vector_index set worked_at = now() where index_id = %(index_id)s and state = 'building'
