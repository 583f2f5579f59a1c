-- Give back what was taken and not sent.
update ledger.bucket
set requests_left = least(requests_per_minute, requests_left + %(requests)s),
    tokens_left = least(tokens_per_minute, tokens_left + %(tokens)s)
where endpoint = %(endpoint)s and model = %(model)s
