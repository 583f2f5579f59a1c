-- Take a request and its tokens, into debt if need be; say how many seconds to wait until they are there.
insert into ledger.bucket as bucket (
    endpoint, model, requests_per_minute, tokens_per_minute, requests_left, tokens_left, refilled_at
)
values (
    %(endpoint)s, %(model)s, %(requests_per_minute)s, %(tokens_per_minute)s,
    %(requests_per_minute)s - 1, %(tokens_per_minute)s - %(tokens)s, clock_timestamp()
)
on conflict (endpoint, model) do update set
    requests_per_minute = case when %(configure)s then excluded.requests_per_minute else bucket.requests_per_minute end,
    tokens_per_minute = case when %(configure)s then excluded.tokens_per_minute else bucket.tokens_per_minute end,
    requests_left = least(
        bucket.requests_per_minute,
        bucket.requests_left
        + greatest(0, extract(epoch from excluded.refilled_at - bucket.refilled_at)) * bucket.requests_per_minute / 60
    ) - 1,
    tokens_left = least(
        bucket.tokens_per_minute,
        bucket.tokens_left
        + greatest(0, extract(epoch from excluded.refilled_at - bucket.refilled_at)) * bucket.tokens_per_minute / 60
    ) - %(tokens)s,
    refilled_at = greatest(bucket.refilled_at, excluded.refilled_at)
returning
    requests_per_minute,
    tokens_per_minute,
    greatest(0, -requests_left * 60 / requests_per_minute, -tokens_left * 60 / tokens_per_minute)::double precision as queue,
    greatest(0, coalesce(extract(epoch from closed_until - clock_timestamp()), 0))::double precision as closed
