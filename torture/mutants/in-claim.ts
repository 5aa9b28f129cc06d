import type { Mutant } from './mutant.js';

const CLAIM = 'sql/migrations/0015_claim_waits_briefly.sql';
const ADAPTER = 'sql/adapters/reference/contract.sql';
const CLAIM_JS = 'dist/src/db/claim.js';
const WATCH_JS = 'dist/src/workflows/watch-job.js';

/** What a claim does in its transaction, and how its claimer understands it. */
export const inClaim: readonly Mutant[] = [
  {
    name: 'a claim without its guard: reads the run before it locks, and ends whatever stands there',
    scenario: 'a late finalizer',
    caughtBy: 'claims and ledger agree',
    edits: [
      { file: ADAPTER, from: 'perform from public.jobs where id = p_job_id for no key update;', to: '' },
      {
        file: ADAPTER,
        from: 'return query select * from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key;',
        to: `return query select * from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key;
             perform from public.jobs where id = p_job_id for no key update;`,
      },
      {
        file: ADAPTER,
        from: `   where j.id = p_job_id
     and j.status = 'running'
     -- The row itself says so, too: the view goes on showing the old table where one was swapped for this one.
     and exists (select from reaper.running_job r
                  where r.job_id = p_job_id and r.run_key = p_run_key
                    and (r.attempts, r.started_at, r.run_id, r.pid, r.process_identity)
                        is not distinct from (j.attempts, j.started_at, j.run_id, j.pid::bigint, j.process_identity));`,
        to: '   where j.id = p_job_id;',
      },
      {
        file: CLAIM,
        from: `  if not found then
    result := case when p_adapter_trouble`,
        to: `  if not found then
    v_run.job_id := p_job_id;
    v_run.run_key := p_run_key;
    v_run.pid := p_pid;
    v_run.process_identity := p_process_identity;
    v_run.exit_code := p_exit_code;
  end if;
  if false then
    result := case when p_adapter_trouble`,
      },
      {
        file: CLAIM,
        from: "v_wrote := coalesce(reaper.finish(p_job_id, p_run_key, p_outcome, p_error)::text, 'false');",
        to: `v_run.job_id := p_job_id;
  v_run.run_key := p_run_key;
  v_wrote := coalesce(reaper.finish(p_job_id, p_run_key, p_outcome, p_error)::text, 'false');`,
      },
      // On a busy machine the finalizer ahead of it may take longer than that.
      {
        file: CLAIM,
        from: `    perform set_config('lock_timeout', '250ms', true);
  end if;
  begin
    -- Before all locks`,
        to: `    perform set_config('lock_timeout', '5s', true);
  end if;
  begin
    -- Before all locks`,
      },
    ],
  },
  {
    name: 'the advance in a transaction of its own',
    scenario: 'a green exit 0',
    caughtBy: 'one advance, one next job',
    edits: [
      {
        file: CLAIM_JS,
        from: `            advance?.fromStage ?? null,
            advance?.toStage ?? null,
            advance?.nextAgent ?? null,`,
        to: 'null, null, null,',
      },
      {
        file: CLAIM_JS,
        from: 'const row = rows[0];',
        to: `const row = rows[0];
        if (advance) await pool.query('select reaper.advance($1, $2, $3, $4, $5)', [
          run.jobId, run.runKey, advance.fromStage, advance.toStage, advance.nextAgent]);`,
      },
      {
        file: ADAPTER,
        from: `p_next_agent text) returns boolean
  language plpgsql`,
        to: `p_next_agent text) returns boolean
  language plpgsql security definer`,
      },
      {
        file: 'sql/grants.sql',
        from: 'grant execute on function\n  reaper.has_stages(),',
        to: 'grant execute on function reaper.advance(text, text, text, text, text) to reaper;\ngrant execute on function\n  reaper.has_stages(),',
      },
    ],
  },
  {
    name: 'the ledger row in a transaction of its own',
    scenario: 'a zombie',
    caughtBy: 'claims and ledger agree',
    edits: [
      { file: CLAIM, from: 'insert into reaper.ledger (job_id', to: 'insert into reaper.later (job_id' },
      {
        file: CLAIM,
        from: 'create function reaper.lock_holder(',
        to: 'create table reaper.later (like reaper.ledger including all);\ncreate function reaper.lock_holder(',
      },
      {
        file: 'sql/migrations/0027_crash_budget.sql',
        from: 'alter table reaper.ledger add column cause text;',
        to: 'alter table reaper.ledger add column cause text;\nalter table reaper.later add column cause text;',
      },
      {
        file: CLAIM_JS,
        from: 'const row = rows[0];',
        to: `const row = rows[0];
        await pool.query('with moved as (delete from reaper.later returning *) insert into reaper.ledger overriding system value select * from moved');`,
      },
      {
        file: 'sql/grants.sql',
        from: 'grant usage on schema reaper to reaper, reaper_probe, reaper_worker, reaper_note;',
        to: 'grant usage on schema reaper to reaper, reaper_probe, reaper_worker, reaper_note;\ngrant insert on reaper.ledger to reaper;\ngrant select, delete on reaper.later to reaper;',
      },
    ],
  },
  {
    name: 'an own win not recognised by the claim',
    scenario: 'a lost answer',
    caughtBy: 'a watch knows what it did',
    edits: [{ file: CLAIM, from: 'if v_ledger.claimer = p_claimer then', to: 'if false then' }],
  },
  {
    name: "a lost claim's run taken for reaped by another, though it was this watch",
    scenario: 'a lost answer',
    caughtBy: 'a watch knows what it did',
    edits: [
      { file: CLAIM, from: 'if v_ledger.claimer = p_claimer then', to: 'if false then' },
      {
        file: WATCH_JS,
        from: 'if (claimed.by !== workflowInfo().firstExecutionRunId) {',
        to: 'if (claimed.by !== "") {',
      },
    ],
  },
  {
    name: 'the evidence not compared with the row',
    scenario: 'a late exit code',
    caughtBy: 'evidence is what was found',
    edits: [
      {
        file: CLAIM,
        from: `  elsif v_changed is not null then\n    result := 'changed';`,
        to: `  elsif false then\n    result := 'changed';`,
      },
    ],
  },
  {
    name: 'the next job made twice',
    scenario: 'a green exit 0',
    caughtBy: 'one advance, one next job',
    edits: [
      {
        file: ADAPTER,
        from: `values (v_task.id, p_next_agent, v_task.repo, 'queued', 0, 2);`,
        to: `values (v_task.id, p_next_agent, v_task.repo, 'queued', 0, 2), (v_task.id, p_next_agent, v_task.repo, 'queued', 0, 2);`,
      },
    ],
  },
];
