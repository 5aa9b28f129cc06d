-- The installed adapter. Each migration installs it again, because views follow a renamed table, and dropping the view, which altering
-- a column of the user's table can require, drops what depends on it.
create table reaper.adapter (
  only_row     boolean primary key default true check (only_row),
  name         text not null,
  is_shipped   boolean not null,
  contract     text not null,
  indexes      text,
  parameters   jsonb not null default '{}',
  functions    text[] not null default '{}', -- those that it made in schema reaper, to be dropped with it
  relations    text[] not null default '{}', -- the user's tables and views that it reads, by their names at that time
  relation_ids oid[] not null default '{}',  -- the same ones: a name may lead to another table later
  trigger      text,        -- what makes its trigger on the queue's table, if it has one
  trigger_def  text,        -- the same as the server has it: what is in place is left alone
  detach       text,        -- what takes the trigger off
  detached_at  timestamptz, -- not null while view and trigger are off the queue's tables
  detached_by  text,
  installed_at timestamptz not null default reaper.now(),
  installed_by text not null default session_user
);

-- The user's relations and functions behind the view of running jobs and behind the contract's functions, however deep.
create function reaper.behind_adapter(out root text, out kind text, out id oid, out name text) returns setof record
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  with recursive behind(root, class, id) as (
    select 'view', 'pg_class'::regclass::oid, c.oid from pg_class c
     where c.relnamespace = 'reaper'::regnamespace and c.relname = 'running_job'
    union
    select 'function', 'pg_proc'::regclass::oid, p.oid from pg_proc p
     where p.pronamespace = 'reaper'::regnamespace
       and p.proname in ('lock_run', 'lock_runs', 'finish', 'advance', 'has_exit_codes', 'open_jobs', 'own_rescue')
    union
    select b.root, d.refclassid, d.refobjid
      from behind b
     cross join lateral (
       select d.refclassid, d.refobjid from pg_rewrite w
         join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
        where b.class = 'pg_class'::regclass and w.ev_class = b.id
       union all
       select d.refclassid, d.refobjid from pg_depend d
        where b.class = 'pg_proc'::regclass and d.classid = b.class and d.objid = b.id) d
     where d.refclassid in ('pg_class'::regclass, 'pg_proc'::regclass)
  )
  select b.root, 'relation', c.oid, format('%I.%I', n.nspname, c.relname)
    from behind b join pg_class c on b.class = 'pg_class'::regclass and c.oid = b.id
    join pg_namespace n on n.oid = c.relnamespace
   where n.nspname <> 'reaper' and c.relkind in ('r', 'p', 'v', 'm', 'f')
  union all
  select b.root, 'function', p.oid, p.oid::regprocedure::text
    from behind b join pg_proc p on b.class = 'pg_proc'::regclass and p.oid = b.id
   where b.root = 'view' or p.pronamespace <> 'reaper'::regnamespace;
end
$$;

-- Why the view does not show the queue as it is, one sentence each. Then an empty view proves nothing, and nothing may be claimed.
-- A relation that was read once, and that neither the view reads nor a claim writes to any more, does no harm.
-- Called by every sweep and claim: in plpgsql, which plans it once per session, a call takes a tenth of the time that it takes in SQL.
create function reaper.adapter_trouble() returns setof text
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_view     regclass := to_regclass('reaper.running_job');
  v_suspects text[];
  v_detached text;
begin
  select format('the adapter is detached since %s by %s: run job-reaper attach once the queue''s migration is done',
                to_char(a.detached_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), a.detached_by) into v_detached
    from reaper.adapter a where a.detached_at is not null;
  if v_detached is not null then
    return next v_detached;
    return;
  end if;
  if v_view is null then
    return next 'expected view reaper.running_job, got none: it was dropped; run job-reaper migrate';
    return;
  end if;
  -- Ordinarily the view itself reads every one of them. Looking deeper costs five times as much.
  select array_agg(r.name) into v_suspects
    from reaper.adapter a
   cross join unnest(a.relations) r(name)
   where not exists (
           select from pg_rewrite w
             join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
            where w.ev_class = v_view and d.refclassid = 'pg_class'::regclass and d.refobjid = to_regclass(r.name));
  if v_suspects is null then
    return;
  end if;
  return query
  with behind as materialized (select b.id from reaper.behind_adapter() b where b.kind = 'relation')
  select case
           when not r.is_followed then
             format('expected reaper.running_job to read %s, which the adapter''s functions name, got a view of other tables', r.name)
           when to_regclass(r.name) is null then
             format('expected %s, which reaper.running_job reads, got no such table: it was renamed', r.name)
           else
             format('expected reaper.running_job to read %s, got a view of the table that had this name before', r.name)
         end || '; run job-reaper migrate'
    from (select s.name, s.id in (select b.id from behind b) as is_followed
            from reaper.adapter a
           cross join unnest(a.relations, a.relation_ids) s(name, id)
           where s.name = any (v_suspects)
             and coalesce(to_regclass(s.name) not in (select b.id from behind b), true)) r
   -- Its name without a schema, as a word of its own.
   cross join lateral (
     select regexp_replace(replace((parse_ident(r.name))[2], '"', '""'), '([^[:alnum:]_])', '\\\1', 'g')) n(pattern)
   where r.is_followed
      or exists (
           select from pg_proc p
            where p.pronamespace = 'reaper'::regnamespace and p.proname in ('lock_run', 'lock_runs', 'finish', 'advance')
              and p.prosrc ~* format('(^|[^[:alnum:]_])%s($|[^[:alnum:]_])', n.pattern))
   order by 1;
end
$$;

-- Running jobs whose row cannot be read, for example because a cast fails. Sweeps do not examine them, so that other runs are still
-- repaired.
create table reaper.unreadable_run (
  job_id   text primary key,
  why      text not null,
  noted_at timestamptz not null default reaper.now()
);

-- Records which ones they are now: [{"jobId", "why"}].
create function reaper.note_unreadable(p_runs jsonb) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from reaper.unreadable_run u
   where not exists (select from jsonb_array_elements(p_runs) r where r ->> 'jobId' = u.job_id);
  insert into reaper.unreadable_run (job_id, why)
  select r ->> 'jobId', r ->> 'why' from jsonb_array_elements(p_runs) r
  on conflict (job_id) do update set why = excluded.why where unreadable_run.why <> excluded.why;
end
$$;

-- Tries what a claim does on a running job, with the claim's own settings, and undoes each step. Returns where the adapter breaks the
-- contract, one sentence each. Does not touch the control row, and works in the dry run too. The caller rolls back, which releases the
-- job's row.
create function reaper.try_claim(p_job_id text, p_run_key text, p_other_run_key text) returns setof text
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '50ms'
as $$
declare
  v_status text;
  v_error  text;
  v_result text;
  v_rows   bigint;
begin
  perform from reaper.lock_run(p_job_id, p_run_key);
  get diagnostics v_rows = row_count;
  if v_rows <> 1 then
    return next format('rows of lock_run for a running job: expected 1, got %s', v_rows);
    return;
  end if;

  begin
    perform from reaper.lock_run(p_job_id, p_other_run_key);
    get diagnostics v_rows = row_count;
    if v_rows <> 0 then
      return next format('rows of lock_run for another run of it: expected 0, got %s', v_rows);
    end if;
    if coalesce(reaper.finish(p_job_id, p_other_run_key, 'queued', 'trial')::text, 'null') <> 'false' then
      return next 'finish of another run of it: expected false, got true';
    end if;
    raise exception 'undo' using errcode = 'RP009';
  exception
    when sqlstate 'RP009' then null;
    -- A locked row, a full disk, or a server that stops or accepts no writes is no mistake of the adapter.
    when lock_not_available or insufficient_resources or operator_intervention or read_only_sql_transaction then raise;
    when others then return next format('another run of it (%s): expected false, got %s', p_other_run_key, sqlerrm);
  end;

  foreach v_status in array array['queued', 'failed', 'done'] loop
    v_error := case when v_status <> 'done' then 'trial' end;
    begin
      select e.result into v_result
        from reaper.end_run(p_job_id, p_run_key, 'doctor', 'doctor', v_status, 1, 'trial', v_error, '{}', null, null, null) e;
      if v_result <> 'won' then
        return next format('finish as %s: expected true, got false', v_status);
      end if;
      -- What the user's tables check at the end of a transaction: for a claim that is its commit.
      set constraints all immediate;
      select count(*) into v_rows from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key;
      if v_rows <> 0 then
        return next format('running rows after finish as %s: expected 0, got %s', v_status, v_rows);
      end if;
      if coalesce(reaper.finish(p_job_id, p_run_key, v_status, null)::text, 'null') <> 'false' then
        return next format('finish as %s, once more: expected false, got true', v_status);
      end if;
      raise exception 'undo' using errcode = 'RP009';
    exception
      when sqlstate 'RP009' then null;
      when lock_not_available or insufficient_resources or operator_intervention or read_only_sql_transaction then raise;
      when others then return next format('finish as %s: expected true, got %s', v_status, sqlerrm);
    end;
  end loop;
end
$$;

-- Parts are percent-encoded byte by byte: a database without an encoding has no characters to split a text into.
create or replace function reaper.notification_key(p_kind text, p_id text, p_rest text) returns text
  language sql immutable
  as $$
    select string_agg(
             (select coalesce(string_agg(case when c ~ '^[A-Za-z0-9._:@-]$' then c
                                              else '%' || upper(lpad(to_hex(b), 2, '0')) end, '' order by n), '')
                from generate_series(1, length(bytes)) n
               cross join lateral (select get_byte(bytes, n - 1)) byte(b)
               cross join lateral (select chr(least(b, 126))) ascii(c)),
             '/' order by i)
      from unnest(array[p_kind, p_id, p_rest]) with ordinality parts(part, i)
     cross join lateral (select convert_to(part, case getdatabaseencoding() when 'SQL_ASCII' then 'SQL_ASCII'
                                                      else 'UTF8' end)) encoded(bytes)
  $$;
