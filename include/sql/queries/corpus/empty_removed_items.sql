-- What was fetched of documents that are removed, or have outlived their time: its bytes go with them.
update corpus.source_item as item
set content = null
from corpus.ingestion_file as file
where file.ingestion_id = %(ingestion_id)s
    and (file.action = 'remove' or file.reason_code = 'expired')
    and item.source_id = %(source_id)s
    and item.path = file.path
    and item.content is not null
