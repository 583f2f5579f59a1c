-- Rate limits that are fair between uses, a breaker that all workers share, and steps that wait without a worker.

create type ledger.lane as (
    room double precision,
    interactive_queued double precision,
    bulk_queued double precision,
    interactive_served double precision,
    bulk_served double precision
);
comment on type ledger.lane is 'What may be sent (requests, or tokens), and the two queues for it: a caller''s place is what was served and queued of its class when it came, and its turn is when so much is served.';
comment on column ledger.lane.room is 'Units that nobody waits for; nothing, while anybody waits.';
comment on column ledger.lane.interactive_queued is 'Units that calls with a person behind them wait for.';
comment on column ledger.lane.bulk_queued is 'Units that all other calls wait for.';
comment on column ledger.lane.interactive_served is 'Units that interactive calls were ever given.';
comment on column ledger.lane.bulk_served is 'Units that bulk calls were ever given.';

create function ledger.share(interactive boolean) returns double precision
language sql immutable set search_path = pg_catalog, pg_temp
return case when interactive then 0.8 else 0.2 end;
comment on function ledger.share(boolean) is 'The part of a limit that a class has while both wait: interactive calls go first, and a fifth stays for the others.';

create function ledger.poured(lane ledger.lane, fresh double precision, most double precision) returns ledger.lane
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
    interactive double precision :=
        least(lane.interactive_queued, greatest(fresh * ledger.share(true), fresh - lane.bulk_queued));
    bulk double precision := least(lane.bulk_queued, fresh - interactive);
begin
    return row(
        least(most, lane.room + fresh - interactive - bulk),
        lane.interactive_queued - interactive,
        lane.bulk_queued - bulk,
        lane.interactive_served + interactive,
        lane.bulk_served + bulk
    )::ledger.lane;
end
$$;
comment on function ledger.poured(ledger.lane, double precision, double precision) is 'The lane after so many units came: first for those who wait, by their shares; what is left is room, up to the most.';

create function ledger.flowed(
    lane ledger.lane, per_minute double precision, since timestamptz, at timestamptz
) returns ledger.lane
language sql immutable set search_path = pg_catalog, pg_temp
return ledger.poured(lane, greatest(0, extract(epoch from at - since))::double precision * per_minute / 60, per_minute);
comment on function ledger.flowed(ledger.lane, double precision, timestamptz, timestamptz) is 'The lane after a time, at a limit.';

create function ledger.joined(lane ledger.lane, interactive boolean, units double precision) returns ledger.lane
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
    served double precision := least(lane.room, units);
    queued double precision := units - served;
begin
    if interactive then
        return row(lane.room - served, lane.interactive_queued + queued, lane.bulk_queued,
                   lane.interactive_served + served, lane.bulk_served)::ledger.lane;
    end if;
    return row(lane.room - served, lane.interactive_queued, lane.bulk_queued + queued,
               lane.interactive_served, lane.bulk_served + served)::ledger.lane;
end
$$;
comment on function ledger.joined(ledger.lane, boolean, double precision) is 'The lane after a call of a class asked for so many units: out of the room, and what is not there, at the end of its queue.';

create function ledger.place(lane ledger.lane, interactive boolean) returns double precision
language sql immutable set search_path = pg_catalog, pg_temp
return case
    when interactive then (lane).interactive_served + (lane).interactive_queued
    else (lane).bulk_served + (lane).bulk_queued
end;
comment on function ledger.place(ledger.lane, boolean) is 'The place of the last who waits in a class.';

create function ledger.left_queue(
    lane ledger.lane, interactive boolean, place double precision, units double precision
) returns ledger.lane
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
    -- Only the last can leave without anybody's place being wrong; the units of others go by unused.
    if place + 0.5 < ledger.place(lane, interactive) then
        return lane;
    end if;
    if interactive then
        lane.interactive_queued := greatest(0, lane.interactive_queued - units);
    else
        lane.bulk_queued := greatest(0, lane.bulk_queued - units);
    end if;
    return lane;
end
$$;
comment on function ledger.left_queue(ledger.lane, boolean, double precision, double precision) is 'The lane after a caller went before its turn.';

create function ledger.with_room(lane ledger.lane, most double precision) returns ledger.lane
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
    lane.room := least(lane.room, most);
    return lane;
end
$$;
comment on function ledger.with_room(ledger.lane, double precision) is 'The lane with that much room at the most; as it is, where nothing is said.';

create function ledger.seconds_until(
    lane ledger.lane, interactive boolean, place double precision, per_minute double precision
) returns double precision
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
    ahead double precision :=
        place - case when interactive then lane.interactive_served else lane.bulk_served end;
    others double precision := case when interactive then lane.bulk_queued else lane.interactive_queued end;
begin
    return greatest(0, least(ahead / ledger.share(interactive), ahead + others) * 60 / per_minute);
end
$$;
comment on function ledger.seconds_until(ledger.lane, boolean, double precision, double precision) is 'Seconds until a place in a queue is served, unless others come in the other one.';

alter table ledger.bucket
    add column requests ledger.lane,
    add column tokens ledger.lane,
    add column requests_configured double precision,
    add column tokens_configured double precision;
update ledger.bucket
set requests = row(greatest(0, requests_left), 0, greatest(0, -requests_left), 0, 0)::ledger.lane,
    tokens = row(greatest(0, tokens_left), 0, greatest(0, -tokens_left), 0, 0)::ledger.lane,
    requests_configured = requests_per_minute,
    tokens_configured = tokens_per_minute;
alter table ledger.bucket
    alter column requests set not null,
    alter column tokens set not null,
    alter column requests_configured set not null,
    alter column tokens_configured set not null,
    drop column requests_left,
    drop column tokens_left;
comment on column ledger.bucket.requests is 'Requests: room and queues at refilled_at.';
comment on column ledger.bucket.tokens is 'Tokens: room and queues at refilled_at.';
comment on column ledger.bucket.requests_configured is 'Requests a minute that the connection says; another figure there replaces what was learned.';
comment on column ledger.bucket.tokens_configured is 'Tokens a minute that the connection says; another figure there replaces what was learned.';

create table ledger.breaker (
    endpoint text not null,
    model text not null,
    state text not null default 'closed' check (state in ('closed', 'open', 'half-open')),
    failures integer not null default 0 check (failures >= 0),
    failed_at timestamptz,
    opened_at timestamptz,
    pause double precision not null default 0 check (pause >= 0),
    next_probe_at timestamptz,
    lease bigint,
    seen text not null default '',
    primary key (endpoint, model),
    check ((state = 'closed') = (opened_at is null)),
    check ((state = 'closed') = (next_probe_at is null)),
    check ((state = 'half-open') = (lease is not null))
);
comment on table ledger.breaker is 'A provider that fails: a row only while it does. Open, no worker sends it anything; half-open, one worker tries.';
comment on column ledger.breaker.endpoint is 'Base URL of the provider; embedded, for the embedded model server.';
comment on column ledger.breaker.model is 'Model.';
comment on column ledger.breaker.state is 'closed, open or half-open.';
comment on column ledger.breaker.failures is 'Attempts in a row, of all workers, that the provider failed.';
comment on column ledger.breaker.failed_at is 'When the last of them failed.';
comment on column ledger.breaker.opened_at is 'Since when nothing is sent.';
comment on column ledger.breaker.pause is 'Seconds between opening, or the last try, and the next try; each that fails doubles them.';
comment on column ledger.breaker.next_probe_at is 'When one worker may try: open, the next try; half-open, when the try under way is taken for lost.';
comment on column ledger.breaker.lease is 'Number of the try that is under way: it alone decides.';
comment on column ledger.breaker.seen is 'What the last failure was: an HTTP status, or the kind of failure.';
grant select, insert, update, delete on ledger.breaker to plumbline_app;
grant select on ledger.breaker to plumbline_auditor, plumbline_reporter;

create type ledger.turn as (
    barred boolean,
    failures integer,
    closed double precision,
    queue double precision,
    requests_place double precision,
    tokens_place double precision,
    requests_per_minute double precision,
    tokens_per_minute double precision
);
comment on type ledger.turn is 'What became of a request to send something; without places, nothing was taken.';
comment on column ledger.turn.barred is 'Whether the breaker of the provider is not closed.';
comment on column ledger.turn.failures is 'Attempts in a row that the provider failed.';
comment on column ledger.turn.closed is 'Seconds for which the provider asked everyone to wait.';
comment on column ledger.turn.queue is 'Seconds until it is there.';
comment on column ledger.turn.requests_place is 'Place in the queue for requests.';
comment on column ledger.turn.tokens_place is 'Place in the queue for tokens.';
comment on column ledger.turn.requests_per_minute is 'Requests a minute that are in force.';
comment on column ledger.turn.tokens_per_minute is 'Tokens a minute that are in force.';

create function ledger.take(
    of_endpoint text, of_model text, interactive boolean, units double precision,
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
                row(requests_configured, 0, 0, 0, 0)::ledger.lane, row(tokens_configured, 0, 0, 0, 0)::ledger.lane,
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
    bucket.requests := ledger.joined(bucket.requests, interactive, 1);
    bucket.tokens := ledger.joined(bucket.tokens, interactive, units);
    turn.requests_per_minute := bucket.requests_per_minute;
    turn.tokens_per_minute := bucket.tokens_per_minute;
    turn.closed := greatest(0, coalesce(extract(epoch from bucket.closed_until - at), 0));
    turn.requests_place := ledger.place(bucket.requests, interactive);
    turn.tokens_place := ledger.place(bucket.tokens, interactive);
    turn.queue := greatest(
        ledger.seconds_until(bucket.requests, interactive, turn.requests_place, bucket.requests_per_minute),
        ledger.seconds_until(bucket.tokens, interactive, turn.tokens_place, bucket.tokens_per_minute)
    );
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
comment on function ledger.take(text, text, boolean, double precision, double precision, double precision, double precision, double precision, bigint) is 'Take a request and its tokens, at the end of the queue of its class; nothing, where the breaker is not closed or the wait would be too long.';

alter table lineage.run
    drop constraint run_state_check,
    add constraint run_state_check check (state in ('running', 'waiting', 'succeeded', 'failed'));
comment on column lineage.run.state is 'running, succeeded or failed; waiting, when it gave its worker back and comes again under the same id; a run that was killed stays running.';
