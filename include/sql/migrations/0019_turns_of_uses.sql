-- Within a class, the uses that wait for a rate limit take turns.

create type ledger.waiting as (
    use text,
    interactive boolean,
    served double precision,
    place double precision
);
comment on type ledger.waiting is 'A use that waits in a lane, or did so lately. Who was served least comes next.';
comment on column ledger.waiting.use is 'Use of the calls that wait.';
comment on column ledger.waiting.interactive is 'Whether a person waits for them.';
comment on column ledger.waiting.served is 'How far it was served: units, counted from where the others of its class were when it came.';
comment on column ledger.waiting.place is 'Place of the last of its calls; what it still waits for is the difference.';

alter type ledger.lane add attribute waiting ledger.waiting[];
comment on type ledger.lane is 'What may be sent (requests, or tokens), and who waits for it: a call''s place is what its use was served and waits for when it came, and its turn is when so much is served.';
comment on column ledger.lane.interactive_served is 'How far interactive calls were served: units, those of the use that was served most.';
comment on column ledger.lane.bulk_served is 'How far bulk calls were served: units, those of the use that was served most.';
comment on column ledger.lane.waiting is 'The uses that wait, each with a queue of its own.';

-- Whoever waits while this runs has waited long enough.
update ledger.bucket
set requests = row(
        (requests).room, 0, 0,
        (requests).interactive_served + (requests).interactive_queued, (requests).bulk_served + (requests).bulk_queued, '{}'
    )::ledger.lane,
    tokens = row(
        (tokens).room, 0, 0,
        (tokens).interactive_served + (tokens).interactive_queued, (tokens).bulk_served + (tokens).bulk_queued, '{}'
    )::ledger.lane;

drop function ledger.take(text, text, boolean, double precision, double precision, double precision, double precision, double precision, bigint);
drop function ledger.joined(ledger.lane, boolean, double precision);
drop function ledger.place(ledger.lane, boolean);
drop function ledger.left_queue(ledger.lane, boolean, double precision, double precision);
drop function ledger.seconds_until(ledger.lane, boolean, double precision, double precision);

create function ledger.lead(most double precision) returns double precision
language sql immutable set search_path = pg_catalog, pg_temp
return most / 60;
comment on function ledger.lead(double precision) is 'Units that a use may be served ahead of the others when it comes, or has just been away: what comes within a second. Who asks for one call after the other is away in between.';

create function ledger.served(
    waiting ledger.waiting[], of_class boolean, units double precision
) returns ledger.waiting[]
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
    one ledger.waiting;
    lowest double precision;
    level double precision;
    sharers integer;
begin
    loop
        lowest := null;
        foreach one in array waiting loop
            if one.interactive = of_class and one.served < one.place then
                lowest := least(lowest, one.served);
            end if;
        end loop;
        exit when lowest is null;
        sharers := 0;
        level := null;
        foreach one in array waiting loop
            if one.interactive = of_class and one.served < one.place then
                sharers := sharers + (one.served = lowest)::integer;
                level := least(level, case when one.served = lowest then one.place else one.served end);
            end if;
        end loop;
        level := least(level, lowest + units / sharers);
        exit when level <= lowest;
        for number in 1..cardinality(waiting) loop
            one := waiting[number];
            if one.interactive = of_class and one.served = lowest and one.served < one.place then
                waiting[number].served := level;
            end if;
        end loop;
        units := units - sharers * (level - lowest);
    end loop;
    return waiting;
end
$$;
comment on function ledger.served(ledger.waiting[], boolean, double precision) is 'Who waits, after so many units came for a class: those that were served least come up to the others first, then all get the same.';

create or replace function ledger.poured(lane ledger.lane, fresh double precision, most double precision) returns ledger.lane
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
    interactive double precision;
    bulk double precision;
begin
    if lane.interactive_queued = 0 and lane.bulk_queued = 0 then
        lane.room := least(most, lane.room + fresh);
        if lane.room = most then
            lane.waiting := '{}';
        end if;
        return lane;
    end if;
    interactive := least(lane.interactive_queued, greatest(fresh * ledger.share(true), fresh - lane.bulk_queued));
    bulk := least(lane.bulk_queued, fresh - interactive);
    lane.room := least(most, lane.room + fresh - interactive - bulk);
    lane.waiting := ledger.served(ledger.served(lane.waiting, true, interactive), false, bulk);
    return ledger.counted(lane, most);
end
$$;

create function ledger.counted(lane ledger.lane, most double precision) returns ledger.lane
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
    one ledger.waiting;
    kept ledger.waiting[] := '{}';
begin
    lane.interactive_queued := 0;
    lane.bulk_queued := 0;
    foreach one in array lane.waiting loop
        if one.interactive then
            lane.interactive_queued := lane.interactive_queued + one.place - one.served;
            lane.interactive_served := greatest(lane.interactive_served, one.served);
        else
            lane.bulk_queued := lane.bulk_queued + one.place - one.served;
            lane.bulk_served := greatest(lane.bulk_served, one.served);
        end if;
    end loop;
    -- Who is away for longer than its lead lasts comes back as one who was never here.
    foreach one in array lane.waiting loop
        if one.served < one.place
            or one.served > (case when one.interactive then lane.interactive_served else lane.bulk_served end) - ledger.lead(most)
        then
            kept := kept || one;
        end if;
    end loop;
    lane.waiting := kept;
    return lane;
end
$$;
comment on function ledger.counted(ledger.lane, double precision) is 'The lane with its sums over all who wait, and without those who neither wait nor did so lately.';

create function ledger.joined(
    lane ledger.lane, of_use text, interactive boolean, units double precision, most double precision
) returns ledger.lane
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
    served double precision := least(lane.room, units);
    queued double precision := units - served;
    start double precision;
begin
    lane.room := lane.room - served;
    if interactive then
        lane.interactive_served := lane.interactive_served + served;
        lane.interactive_queued := lane.interactive_queued + queued;
        start := lane.interactive_served - ledger.lead(most);
    else
        lane.bulk_served := lane.bulk_served + served;
        lane.bulk_queued := lane.bulk_queued + queued;
        start := lane.bulk_served - ledger.lead(most);
    end if;
    if queued = 0 then
        return lane;
    end if;
    for number in 1..cardinality(lane.waiting) loop
        if lane.waiting[number].use = of_use and lane.waiting[number].interactive = joined.interactive then
            if lane.waiting[number].served >= lane.waiting[number].place then
                start := greatest(start, lane.waiting[number].served);
                lane.waiting[number].served := start;
                lane.waiting[number].place := start;
            end if;
            lane.waiting[number].place := lane.waiting[number].place + queued;
            return lane;
        end if;
    end loop;
    lane.waiting := lane.waiting || row(of_use, interactive, start, start + queued)::ledger.waiting;
    return lane;
end
$$;
comment on function ledger.joined(ledger.lane, text, boolean, double precision, double precision) is 'The lane after a call of a use asked for so many units: out of the room, and what is not there, at the end of its queue.';

create function ledger.queue_of(lane ledger.lane, of_use text, interactive boolean) returns ledger.waiting
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
    one ledger.waiting;
begin
    foreach one in array lane.waiting loop
        if one.use = of_use and one.interactive = queue_of.interactive and one.served < one.place then
            return one;
        end if;
    end loop;
    return null;
end
$$;
comment on function ledger.queue_of(ledger.lane, text, boolean) is 'The queue of a use; null, where no call of it waits.';

create function ledger.place(lane ledger.lane, of_use text, interactive boolean) returns double precision
language sql immutable set search_path = pg_catalog, pg_temp
return coalesce((ledger.queue_of(lane, of_use, interactive)).place, '-infinity');
comment on function ledger.place(ledger.lane, text, boolean) is 'The place of the last call of a use that waits; before all others, where none does.';

create function ledger.left_queue(
    lane ledger.lane, of_use text, interactive boolean, place double precision, units double precision, most double precision
) returns ledger.lane
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
    queue ledger.waiting := ledger.queue_of(lane, of_use, interactive);
begin
    -- Only the last can leave without anybody's place being wrong; the units of others go by unused.
    if queue.use is null or place + 0.5 < queue.place then
        return lane;
    end if;
    for number in 1..cardinality(lane.waiting) loop
        if lane.waiting[number].use = of_use and lane.waiting[number].interactive = left_queue.interactive then
            lane.waiting[number].place := greatest(queue.served, queue.place - units);
        end if;
    end loop;
    return ledger.counted(lane, most);
end
$$;
comment on function ledger.left_queue(ledger.lane, text, boolean, double precision, double precision, double precision) is 'The lane after a caller went before its turn.';

create function ledger.seconds_until(
    lane ledger.lane, of_use text, interactive boolean, place double precision, per_minute double precision
) returns double precision
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
    one ledger.waiting;
    queue ledger.waiting := ledger.queue_of(lane, of_use, interactive);
    ahead double precision;
    others double precision := case when interactive then lane.bulk_queued else lane.interactive_queued end;
begin
    ahead := greatest(0, place - queue.served);
    if queue.use is null or ahead = 0 then
        return 0;
    end if;
    -- When this place is served, the other uses of its class have been served as far, or have no more to send.
    foreach one in array lane.waiting loop
        if one.interactive = seconds_until.interactive and one.use <> of_use then
            ahead := ahead + greatest(0, least(place, one.place) - one.served);
        end if;
    end loop;
    return least(ahead / ledger.share(interactive), ahead + others) * 60 / per_minute;
end
$$;
comment on function ledger.seconds_until(ledger.lane, text, boolean, double precision, double precision) is 'Seconds until a place in a queue is served, unless others come.';

create function ledger.take(
    of_endpoint text, of_model text, of_use text, interactive boolean, units double precision,
    requests_configured double precision, tokens_configured double precision,
    longest_closed double precision, longest_queue double precision, under_lease bigint
) returns ledger.turn
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    bucket ledger.bucket;
    breaker ledger.breaker;
    turn ledger.turn;
    at timestamptz;
begin
    select * into breaker from ledger.breaker as known where known.endpoint = of_endpoint and known.model = of_model;
    turn.failures := coalesce(breaker.failures, 0);
    turn.barred := coalesce(breaker.state, 'closed') <> 'closed' and not coalesce(breaker.lease = under_lease, false);
    if turn.barred then
        return turn;
    end if;
    loop
        select * into bucket from ledger.bucket as known
        where known.endpoint = of_endpoint and known.model = of_model for update;
        exit when found;
        insert into ledger.bucket
        values (of_endpoint, of_model, requests_configured, tokens_configured, clock_timestamp(), null,
                row(requests_configured, 0, 0, 0, 0, '{}')::ledger.lane, row(tokens_configured, 0, 0, 0, 0, '{}')::ledger.lane,
                requests_configured, tokens_configured)
        on conflict do nothing;
    end loop;
    at := greatest(bucket.refilled_at, clock_timestamp());
    bucket.requests := ledger.flowed(bucket.requests, bucket.requests_per_minute, bucket.refilled_at, at);
    bucket.tokens := ledger.flowed(bucket.tokens, bucket.tokens_per_minute, bucket.refilled_at, at);
    if (bucket.requests_configured, bucket.tokens_configured) <> (requests_configured, tokens_configured) then
        bucket.requests_per_minute := requests_configured;
        bucket.tokens_per_minute := tokens_configured;
    end if;
    bucket.requests := ledger.joined(bucket.requests, of_use, interactive, 1, bucket.requests_per_minute);
    bucket.tokens := ledger.joined(bucket.tokens, of_use, interactive, units, bucket.tokens_per_minute);
    turn.requests_per_minute := bucket.requests_per_minute;
    turn.tokens_per_minute := bucket.tokens_per_minute;
    turn.closed := greatest(0, coalesce(extract(epoch from bucket.closed_until - at), 0));
    if (bucket.requests).interactive_queued + (bucket.requests).bulk_queued
        + (bucket.tokens).interactive_queued + (bucket.tokens).bulk_queued = 0
    then
        turn.requests_place := '-infinity';
        turn.tokens_place := '-infinity';
        turn.queue := 0;
    else
        turn.requests_place := ledger.place(bucket.requests, of_use, interactive);
        turn.tokens_place := ledger.place(bucket.tokens, of_use, interactive);
        turn.queue := greatest(
            ledger.seconds_until(bucket.requests, of_use, interactive, turn.requests_place, bucket.requests_per_minute),
            ledger.seconds_until(bucket.tokens, of_use, interactive, turn.tokens_place, bucket.tokens_per_minute)
        );
    end if;
    if turn.closed > longest_closed or turn.queue > longest_queue then
        turn.requests_place := null;
        turn.tokens_place := null;
        return turn;
    end if;
    update ledger.bucket as known
    set requests_per_minute = bucket.requests_per_minute, tokens_per_minute = bucket.tokens_per_minute,
        requests_configured = take.requests_configured, tokens_configured = take.tokens_configured,
        requests = bucket.requests, tokens = bucket.tokens, refilled_at = at
    where known.endpoint = of_endpoint and known.model = of_model;
    return turn;
end
$$;
comment on function ledger.take(text, text, text, boolean, double precision, double precision, double precision, double precision, double precision, bigint) is 'Take a request and its tokens, at the end of the queue of its use; nothing, where the breaker is not closed or the wait would be too long.';
