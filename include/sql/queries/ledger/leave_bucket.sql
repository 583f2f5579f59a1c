-- Leave the queues before it was one's turn.
update ledger.bucket
set requests = ledger.left_queue(
        ledger.flowed(requests, requests_per_minute, refilled_at, at),
        %(use)s, %(interactive)s, %(requests_place)s, 1, requests_per_minute
    ),
    tokens = ledger.left_queue(
        ledger.flowed(tokens, tokens_per_minute, refilled_at, at),
        %(use)s, %(interactive)s, %(tokens_place)s, %(tokens)s, tokens_per_minute
    ),
    refilled_at = greatest(refilled_at, at)
from clock_timestamp() as at
where endpoint = %(endpoint)s and model = %(model)s
