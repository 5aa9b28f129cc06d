-- Who the workers of a queue are whose rows name a worker, not a process. A worker's name is its process's token, or the worker announces
-- which token its name stands for.

-- What workers have announced. Logged: a long job may need it after a crash of the server. Two tokens of one worker are both void, because
-- it cannot be known whose it is.
create table reaper.queue_worker (
  worker_id     text not null,
  token         text not null,
  first_at      timestamptz not null default reaper.now(),
  announced_at  timestamptz not null default reaper.now(), -- the last time
  primary key (worker_id, token)
);

comment on table reaper.queue_worker is 'Which process each worker of the queue is, as the workers announced it';

-- The lines of a boot, by what a token has of its id.
create index host_boot_hash_idx on reaper.host_boot (substr(sha256(decode(boot, 'escape')), 1, 8));

-- The token in a text, wherever it is; null if there is none whose check is right, or several different ones. Without regular expressions
-- that overlap: a name may end in what looks like the beginning of another token.
create function reaper.find_token(p_text text) returns text
  language plpgsql immutable
as $$
declare
  v_from  integer := 1;
  v_at    integer;
  v_code  text;
  v_bytes bytea;
  v_token text;
begin
  loop
    v_at := strpos(substr(p_text, v_from), 'jr1.');
    exit when coalesce(v_at, 0) = 0;
    v_from := v_from + v_at + 3;
    v_code := substr(p_text, v_from, 32);
    if v_code ~ '^[A-Za-z0-9_-]{32}$' then
      v_bytes := decode(translate(v_code, '-_', '+/'), 'base64');
      if substr(sha256(substr(v_bytes, 1, 22)), 1, 2) = substr(v_bytes, 23) then
        if v_token <> 'jr1.' || v_code then
          return null;
        end if;
        v_token := 'jr1.' || v_code;
      end if;
    end if;
  end loop;
  return v_token;
end
$$;

-- The token of the worker of this name: in the name itself, or announced by it.
create function reaper.worker_token(p_worker text) returns text
  language plpgsql stable
as $$
declare
  v_token text := reaper.find_token(p_worker);
begin
  if v_token is null then
    select min(w.token) into v_token
      from reaper.queue_worker w
     where w.worker_id = p_worker
    having count(*) = 1;
  end if;
  return v_token;
end
$$;

-- The process of the worker of this name, as a row names a process; no row if it cannot be told. Resolved when read, because the probe of a
-- new boot may report after its workers. A boot's host is the one of the probe in the token's own pid namespace while it reports, else of the
-- one in the kernel's first: others do not see the process. A host that was renamed has a silent line and a new one.
create function reaper.worker_process(p_worker text, out host text, out pid bigint, out process_identity text) returns setof record
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp
  rows 1
as $$
#variable_conflict use_column
declare
  v_bytes     bytea := decode(translate(substr(reaper.worker_token(p_worker), 5), '-_', '+/'), 'base64');
  v_namespace text;
  v_ticks     bigint;
begin
  if v_bytes is null then
    return;
  end if;
  v_namespace := ('x' || encode(substr(v_bytes, 9, 4), 'hex'))::bit(32)::bigint::text;
  v_ticks := ('x' || lpad(encode(substr(v_bytes, 17, 6), 'hex'), 16, '0'))::bit(64)::bigint;
  return query
  select b.host,
         ('x' || encode(substr(v_bytes, 13, 4), 'hex'))::bit(32)::bigint,
         format('linux:%s:%s:%s:%s', b.machine_id, b.boot, v_namespace, v_ticks)
    from reaper.host_boot b
   where substr(sha256(decode(b.boot, 'escape')), 1, 8) = substr(v_bytes, 1, 8)
     and (b.is_initial
          or b.pid_namespace = v_namespace
             -- A silent probe that was last seen before the process began was perhaps in another namespace with that inode: what is declared
             -- of its host says nothing of the process. Both times are of one report, so that a clock that steps changes nothing.
             and (b.last_seen_at > (select reaper.now() - reaper.report_window())
                  or v_ticks / 100.0 < extract(epoch from b.last_seen_at - b.told_began_at)))
   -- A line that is silent may be of an earlier pid namespace with the same inode: then that of a probe which reports comes first.
   -- Two names that both report: always the newer one, not the one that reported last.
   order by b.last_seen_at > (select reaper.now() - reaper.report_window()) desc, b.pid_namespace = v_namespace desc, date_trunc('hour', b.last_seen_at) desc, b.first_seen_at desc, b.host
   limit 1;
end
$$;

-- Why the process of the worker of this name cannot be told; null if it can. `boot`: no probe has reported the boot of its token, `void`:
-- two processes announced it, `broken`: its name has what looks like a token, `none`: it has none, or has not announced any.
create function reaper.worker_trouble(p_worker text) returns text
  language plpgsql stable
as $$
begin
  if reaper.worker_token(p_worker) is not null then
    return case when not exists (select from reaper.worker_process(p_worker)) then 'boot' end;
  end if;
  return case when exists (select from reaper.queue_worker w where w.worker_id = p_worker) then 'void'
              when strpos(p_worker, 'jr1.') > 0 then 'broken' else 'none' end;
end
$$;

-- Whether the installed adapter learns processes from the names of workers.
create function reaper.names_workers() returns boolean
  language sql stable
  as $$
    select exists (
      select from pg_catalog.pg_rewrite w
        join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = w.oid
       where w.ev_class = to_regclass('reaper.running_job') and d.refclassid = 'pg_catalog.pg_proc'::regclass
         and d.refobjid = to_regprocedure('reaper.worker_process(text)'))
  $$;

-- What a token has of its boot's id, to count boots.
create function reaper.token_boot(p_token text) returns text
  language sql immutable
  as $$ select left(encode(decode(translate(substr(p_token, 5), '-_', '+/'), 'base64'), 'hex'), 16) $$;

-- A worker's word about itself: this process is the worker of this id, which never comes again. Takes texts only, and runs with the rights
-- of our owner: whoever may call it can write nothing but such a line. Waits for nobody longer than a second.
create function reaper.announce(p_worker_id text, p_token text) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '1s'
as $$
begin
  if p_worker_id is null or length(p_worker_id) not between 1 and 200 then
    raise exception 'expected a worker id of 1 to 200 characters, got %', quote_nullable(left(p_worker_id, 40))
      using errcode = 'invalid_parameter_value';
  end if;
  -- Such numbers come again when the table is emptied: a live worker would be taken for the dead one that had its number.
  if p_worker_id ~ '^[0-9]{1,15}$' then
    raise exception 'expected a worker id with a random part, got %, which looks like a number of a sequence: it comes again when that starts over', p_worker_id
      using errcode = 'invalid_parameter_value';
  end if;
  if p_token is null or length(p_token) <> 36 or reaper.find_token(p_token) is null then
    raise exception 'expected a token of job-reaper/stamp or of a recipe, got %', quote_nullable(left(p_token, 40))
      using errcode = 'invalid_parameter_value';
  end if;
  update reaper.queue_worker w set announced_at = reaper.now() where w.worker_id = p_worker_id and w.token = p_token;
  -- Two make it void; more would only fill the table.
  if not found and (select count(*) from reaper.queue_worker w where w.worker_id = p_worker_id) < 2 then
    insert into reaper.queue_worker (worker_id, token) values (p_worker_id, p_token) on conflict do nothing;
  end if;
end
$$;

-- Removes workers that no running job names and that have not announced themselves for so long, at least a day: a living worker repeats it
-- every hour. Rows name their worker in run_id.
create function reaper.prune_workers(p_older_than_s double precision) returns bigint
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_count bigint;
begin
  delete from reaper.queue_worker w
   where w.announced_at < reaper.now() - make_interval(secs => greatest(p_older_than_s, 86400))
     and not exists (select from reaper.running_job r where r.run_id = w.worker_id);
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
