-- The tables of Oban as its migration 13 leaves them, as far as jobs are concerned.
create type :schema.oban_job_state as enum
  ('available', 'scheduled', 'executing', 'retryable', 'completed', 'discarded', 'cancelled');
create table :schema.oban_jobs (
  id bigserial primary key,
  state :schema.oban_job_state not null default 'available',
  queue text not null default 'default' check (char_length(queue) > 0 and char_length(queue) < 128),
  worker text not null check (char_length(worker) > 0 and char_length(worker) < 128),
  args jsonb not null default '{}',
  errors jsonb[] not null default array[]::jsonb[],
  attempt integer not null default 0,
  max_attempts integer not null default 20 check (max_attempts > 0),
  inserted_at timestamp not null default timezone('UTC', now()),
  scheduled_at timestamp not null default timezone('UTC', now()),
  attempted_at timestamp,
  completed_at timestamp,
  attempted_by text[],
  discarded_at timestamp,
  priority integer not null default 0 check (priority >= 0),
  tags text[] default array[]::text[],
  meta jsonb default '{}',
  cancelled_at timestamp,
  constraint attempt_range check (attempt between 0 and max_attempts)
);
create index on :schema.oban_jobs (state, queue, priority, scheduled_at, id);
create index on :schema.oban_jobs (state, cancelled_at);
create index on :schema.oban_jobs (state, discarded_at);
