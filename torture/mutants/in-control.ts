import type { Mutant } from './mutant.js';

const WEBHOOK_JS = 'dist/src/notify/webhook.js';
const CLAIM = 'sql/migrations/0015_claim_waits_briefly.sql';

/** What must come before anything is claimed or said, and what must not be lost on the way. */
export const inControl: readonly Mutant[] = [
  {
    name: 'the control row read without its lock',
    scenario: 'a pause overtakes a claim',
    caughtBy: 'a block is a block',
    edits: [{ file: CLAIM, from: 'lock table reaper.control in share mode;', to: '' }],
  },
  {
    name: 'a pause that is not honoured',
    scenario: 'a pause while a streak runs',
    caughtBy: 'a block is a block',
    edits: [{ file: 'sql/migrations/0004_blocks.sql', from: 'when c.paused then', to: 'when false then' }],
  },
  {
    name: 'Telegram not taken before it is sent',
    scenario: 'a message whose delivery is not noted',
    caughtBy: 'told once',
    edits: [
      {
        file: 'sql/migrations/0010_notifications.sql',
        from: 'where id = p_id and owed and telegram_at is null;',
        to: 'where id = p_id and owed;',
      },
    ],
  },
  {
    name: 'a webhook key of its own for each sending',
    scenario: 'a message whose delivery is not noted',
    caughtBy: 'told once',
    edits: [
      {
        file: WEBHOOK_JS,
        from: `'idempotency-key': notification.key`,
        to: `'idempotency-key': notification.key + '/' + Date.now()`,
      },
    ],
  },
  {
    name: 'a webhook that did not answer taken for told',
    scenario: 'a message whose delivery is not noted',
    caughtBy: 'told at last',
    edits: [{ file: WEBHOOK_JS, from: `result: 'unknown'`, to: `result: 'sent'` }],
  },
  {
    name: 'a connection that breaks while it is handed out heard by nobody',
    scenario: 'a lost answer',
    caughtBy: 'nobody gives up',
    edits: [
      {
        file: 'dist/src/db/pool.js',
        from: `            client.on('error', ignore);`,
        to: '',
      },
    ],
  },
  {
    name: 'a run whose row is locked keeps its place',
    scenario: 'a zombie beside locked rows',
    caughtBy: 'nobody waits for another',
    edits: [
      {
        file: 'dist/src/workflows/reap.js',
        from: `return (await giveUp(watch, 'locked', detail)) ?? lookAgain;`,
        to: 'return lookAgain;',
      },
    ],
  },
  {
    name: 'runs that cannot be claimed counted by status, and not named',
    scenario: 'a zombie beside claims that fail',
    caughtBy: 'status names who waits',
    edits: [
      {
        file: 'sql/views.sql',
        from: 'from (select * from reaper.troubled_run order by since, job_id limit 5) t)',
        to: 'from (select * from reaper.troubled_run order by since, job_id limit 0) t)',
      },
    ],
  },
  {
    name: 'a gate that could not be asked taken for red',
    scenario: "a gates' database that is away",
    caughtBy: 'green is done',
    edits: [
      {
        file: 'dist/src/gates/create-gates.js',
        from: `if (error instanceof GateNotAsked)
            throw error;`,
        to: '',
      },
    ],
  },
  {
    name: 'a swapped table seen by the view alone',
    scenario: 'a swapped table',
    caughtBy: 'one end a run',
    edits: [
      { file: 'sql/adapters/reference/contract.sql', from: `     and j.status = 'running'\n`, to: '' },
      {
        file: 'sql/adapters/reference/contract.sql',
        from: `                    and (r.attempts, r.started_at, r.run_id, r.pid, r.process_identity)
                        is not distinct from (j.attempts, j.started_at, j.run_id, j.pid::bigint, j.process_identity));`,
        to: ');',
      },
      {
        file: CLAIM,
        from: `(select string_agg(t, '; ') from reaper.adapter_trouble() t),`,
        to: 'null,',
      },
      {
        file: 'dist/src/db/check-running-jobs.js',
        from: `(select string_agg(t, '; ') from reaper.adapter_trouble() t) as trouble`,
        to: 'null::text as trouble',
      },
    ],
  },
  {
    name: 'a brake that tells and does not stop',
    scenario: 'a wrong verdict',
    caughtBy: 'it notices when it was wrong',
    edits: [
      {
        file: 'sql/migrations/0018_brake.sql',
        from: `set mode = 'observe', braked_by = v_found.ledger_id where mode = 'active';`,
        to: `set mode = 'observe', braked_by = v_found.ledger_id where false;`,
      },
    ],
  },
];
