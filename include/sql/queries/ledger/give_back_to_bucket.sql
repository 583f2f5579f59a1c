-- Give back what was taken and not sent: it goes to those who wait.
update ledger.bucket
set requests = ledger.poured(
        ledger.flowed(requests, requests_per_minute, refilled_at, at), %(requests)s, requests_per_minute
    ),
    tokens = ledger.poured(ledger.flowed(tokens, tokens_per_minute, refilled_at, at), %(tokens)s, tokens_per_minute),
    refilled_at = greatest(refilled_at, at)
from clock_timestamp() as at
where endpoint = %(endpoint)s and model = %(model)s
