-- The source did not answer.
update corpus.source set problem = %(problem)s where source_id = %(source_id)s
