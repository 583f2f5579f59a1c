-- Take a request and its tokens, at the end of the queue of its use; say how many seconds to wait, or that nothing was taken.
select turn.*
from ledger.take(
    %(endpoint)s, %(model)s, %(use)s, %(interactive)s, %(tokens)s, %(requests_per_minute)s,
    %(tokens_per_minute)s, %(patience)s, %(longest_queue)s, %(lease)s
) as turn
