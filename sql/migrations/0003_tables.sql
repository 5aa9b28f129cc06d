-- One row: who may claim at all. Every claim holds it FOR SHARE, so an update of it waits for the claims in flight
-- and stops all later ones.
create table reaper.control (
  only_row      boolean primary key default true check (only_row),
  adapter       text,                    -- null until an adapter is installed
  mode          text not null default 'observe' check (mode in ('active', 'observe')),
  paused        boolean not null default false,
  paused_by     text,
  paused_reason text,
  paused_at     timestamptz,
  policy        jsonb,                   -- as the workflow worker published it last
  policy_by     text,
  policy_at     timestamptz
);
insert into reaper.control default values;

-- What operators did, and when.
create table reaper.control_change (
  id     bigint generated always as identity primary key,
  at     timestamptz not null default reaper.now(),
  by     text not null,
  action text not null,
  detail jsonb not null default '{}'
);

create table reaper.hold (
  id         bigint generated always as identity primary key,
  kind       text not null check (kind in ('job', 'agent', 'repo', 'host')),
  value      text not null,
  reason     text not null,
  by         text not null,
  created_at timestamptz not null default reaper.now(),
  until      timestamptz not null,
  unique (kind, value)
);

-- Every claim with its evidence: the audit trail that outlives Temporal's retention.
create table reaper.ledger (
  id               bigint generated always as identity primary key,
  claimed_at       timestamptz not null default reaper.now(),
  job_id           text not null,
  run_key          text not null,
  run_id           text,
  task_id          text,
  agent            text,
  repo             text,
  host             text,
  pid              bigint,
  process_identity text,
  exit_code        integer,
  attempts         integer,
  max_attempts     integer,
  started_at       timestamptz,
  outcome          text not null check (outcome in ('done', 'queued', 'failed')),
  tier             smallint not null check (tier between 1 and 3),
  reason           text not null,
  error            text,
  from_stage       text,
  to_stage         text,
  next_agent       text,
  evidence         jsonb not null,
  claimer          text not null,        -- firstExecutionRunId of the watch that claimed
  workflow_id      text not null,
  unique (job_id, run_key)
);
create index ledger_claimed_at_idx on reaper.ledger (claimed_at);

-- Would-be reaps of the dry run: once per run and verdict.
create table reaper.observation (
  id               bigint generated always as identity primary key,
  observed_at      timestamptz not null default reaper.now(),
  job_id           text not null,
  run_key          text not null,
  agent            text,
  repo             text,
  host             text,
  pid              bigint,
  process_identity text,
  exit_code        integer,
  outcome          text not null check (outcome in ('done', 'queued', 'failed')),
  tier             smallint not null check (tier between 1 and 3),
  reason           text not null,
  evidence         jsonb not null,
  became           text check (became in ('ended by itself', 'reaped')),
  became_at        timestamptz,
  unique (job_id, run_key, outcome, tier)
);
create index observation_open_idx on reaper.observation (id) where became is null;

-- What people are told: committed with what it tells of, owed until it is settled.
create table reaper.notification (
  id          bigint generated always as identity primary key,
  at          timestamptz not null default reaper.now(),
  key         text not null unique,      -- the idempotency key: printable ASCII
  kind        text not null check (kind in ('failed', 'backstop alive', 'host without probe')),
  ledger_id   bigint unique references reaper.ledger on delete cascade,
  job_id      text,
  run_key     text,
  host        text,
  agent       text,
  repo        text,
  reason      text not null,
  text        text not null,
  due_at      timestamptz not null,      -- from when on a sweep settles it
  telegram_at timestamptz,               -- taken for Telegram, before it is sent there: at most once
  deliveries  jsonb not null default '{}', -- what became of it last, by channel
  owed        boolean not null default true,
  settled_at  timestamptz,
  settled_as  text check (settled_as in ('sent', 'no channel', 'given up'))
);
create index notification_owed_idx on reaper.notification (due_at, id) where owed;
create index notification_run_idx on reaper.notification (job_id, run_key);

-- When a probe last answered on a host, as the sweeps saw it.
create table reaper.host_probe (
  host          text primary key,
  answered_at   timestamptz,
  missing_since timestamptz              -- the first sweep that had no answer since; null once it answers
);

create table reaper.gone_host (
  host        text primary key,
  declared_at timestamptz not null default reaper.now(),
  by          text not null
);

-- One row: the last sweep.
create table reaper.last_sweep (
  only_row boolean primary key default true check (only_row),
  at       timestamptz not null,
  summary  jsonb not null
);
