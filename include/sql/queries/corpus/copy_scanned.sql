-- What was found, one row a file.
copy scanned (path, document_id, kind, bytes, sha256, reason_code, reason) from stdin (format binary)
