import type { Mutant } from './mutant.js';

const REAPER_JS = 'dist/src/workflows/job-reaper.js';
const WATCH_JS = 'dist/src/workflows/watch-job.js';
const REAP_JS = 'dist/src/workflows/reap.js';
const POLICY_JS = 'dist/src/domain/policy.js';
const TAKE_JS = 'dist/demo/launcher/take-job.js';
const GATES_JS = 'dist/src/activities/gates.js';

/** A probe that misjudges its neighbors doubts that it is alone with its boot, and calls nothing dead. */
const WITHOUT_DOUBT = {
  file: 'dist/src/activities/shared-boot.js',
  from: 'const others = answer.others.map(',
  to: 'return null;\n        const others = answer.others.map(',
};

/** What is seen, decided and done with it. */
export const inDecisions: readonly Mutant[] = [
  {
    name: 'a streak that is not reset by a live process',
    scenario: 'dead, alive, dead',
    caughtBy: 'proof, twice, fresh',
    edits: [
      {
        file: POLICY_JS,
        from: `{ verdict: { kind: 'healthy' }, memory: FRESH_MEMORY }`,
        to: `{ verdict: { kind: 'healthy' }, memory: context.memory }`,
      },
      {
        file: WATCH_JS,
        from: 'isOtherProcess(watch, observation) ? FRESH_MEMORY : watch.memory',
        to: 'watch.memory',
      },
    ],
  },
  {
    name: 'one dead observation is believed',
    scenario: 'a zombie',
    caughtBy: 'proof, twice, fresh',
    edits: [
      {
        file: POLICY_JS,
        from: 'context.skipStreak === true ? 1 : looksNeeded(policy)',
        to: '1',
      },
    ],
  },
  {
    name: 'a host watch that believes one dead observation',
    scenario: 'a storm',
    caughtBy: 'proof, twice, fresh',
    edits: [
      {
        file: 'dist/src/activities/host-watch.js',
        from: 'looks: looksNeeded(policy),',
        to: 'looks: 1,',
      },
      {
        file: 'dist/src/domain/judge-looks.js',
        from: 'for (const { liveness, nowMs } of looks)',
        to: 'for (const { liveness, nowMs } of [...looks, ...looks.map((look) => ({ ...look, nowMs: look.nowMs + 1e9 }))])',
      },
    ],
  },
  {
    name: 'own wins of a batch taken for lost',
    scenario: 'a lost answer in a storm',
    caughtBy: 'a watch knows what it did',
    edits: [
      { file: 'dist/src/activities/settle-page.js', from: 'if (mine.has(runName(ref)))', to: 'if (false)' },
    ],
  },
  {
    name: 'EPERM read as dead',
    scenario: "a stranger's probe",
    caughtBy: 'nobody alive touched',
    edits: [
      {
        file: 'dist/src/liveness/existence.js',
        from: `if (code === 'EPERM')
            return { kind: 'exists' };`,
        to: `if (code === 'EPERM')
            return { kind: 'absent' };`,
      },
      WITHOUT_DOUBT,
    ],
  },
  {
    name: 'a start time told by the wall clock',
    scenario: 'clocks that step',
    caughtBy: 'nobody alive touched',
    edits: [
      {
        file: 'dist/src/liveness/process-files.js',
        from: 'const start = normalizeTicks(read, offset);',
        to: `const offS = Math.round((Date.now() - performance.timeOrigin - performance.now()) / 1000);
    const start = String(Number(normalizeTicks(read, offset)) + 100 * offS);`,
      },
      WITHOUT_DOUBT,
    ],
  },
  {
    name: 'lost treated as won',
    scenario: 'two watches',
    caughtBy: 'a watch knows what it did',
    edits: [
      { file: REAP_JS, from: `        case 'won':`, to: `        case 'lost':\n        case 'won':` },
      {
        file: REAP_JS,
        from: `        case 'lost':\n        case 'changed':`,
        to: `        case 'changed':`,
      },
    ],
  },
  {
    name: 'a launcher that finalizes unfenced',
    scenario: 'a monitor that slept',
    caughtBy: 'one end a run',
    edits: ['dist/demo/launcher/end-job.js', 'dist/demo/launcher/requeue-job.js'].map((file) => ({
      file,
      from: `where id = $1 and run_id = $2 and status = 'running'`,
      to: 'where id = $1 and $2::text is not null',
    })),
  },
  {
    name: 'a launcher that takes what is running',
    scenario: 'a launcher started again',
    caughtBy: 'one process a job',
    edits: [
      { file: TAKE_JS, from: `where j.status = 'queued'`, to: `where j.status in ('queued', 'running')` },
    ],
  },
  {
    name: 'the grace not waited for',
    scenario: 'a green exit 0',
    caughtBy: 'no grace cut short',
    edits: [{ file: POLICY_JS, from: 'exitAgeS >= policy.finalizeGraceS', to: 'exitAgeS >= 0' }],
  },
  {
    name: 'the backstop reaps who is proven alive',
    scenario: 'over its ceiling',
    caughtBy: 'nobody alive touched',
    edits: [{ file: POLICY_JS, from: 'if (liveness.proven) {', to: 'if (false) {' }],
  },
  {
    name: 'a red gate taken for green',
    scenario: 'a red exit 0',
    caughtBy: 'no made-up success',
    edits: [{ file: GATES_JS, from: 'if (!gate.green)', to: 'if (false)' }],
  },
  {
    name: 'a green gate taken for red',
    scenario: 'a green exit 0',
    caughtBy: 'green is done',
    edits: [{ file: GATES_JS, from: 'if (!gate.green)', to: 'if (gate.green)' }],
  },
  {
    name: 'a workflow that throws what is no failure',
    scenario: 'a zombie',
    caughtBy: 'no failing workflow task',
    edits: [{ file: WATCH_JS, from: `watch.enter('over');`, to: `throw new Error('plain');` }],
  },
  {
    name: 'a reaper that fails now and then',
    scenario: 'a zombie',
    caughtBy: 'no failing workflow task',
    edits: [
      {
        file: REAPER_JS,
        from: 'await sweep(reaper);',
        to: `await sweep(reaper);
        if (sweeps === 2) throw ApplicationFailure.nonRetryable('now and then');`,
      },
    ],
  },
  {
    name: 'a probe that reports no symptom',
    scenario: 'a zombie, and time',
    caughtBy: 'repaired in time',
    edits: [
      {
        file: 'dist/src/activities/probe.js',
        from: `if (state === undefined || state === 'alive')`,
        to: 'if (true)',
      },
    ],
  },
  {
    name: 'a backstop that never fires',
    scenario: 'a run that never got a pid',
    caughtBy: 'every job ends',
    edits: [{ file: POLICY_JS, from: 'if (ageS < maxS)', to: 'if (true)' }],
  },
  {
    name: 'a crash budget that counts no death',
    scenario: 'a job that kills its agents',
    caughtBy: 'a crash budget is kept',
    edits: [
      {
        file: 'sql/migrations/0027_crash_budget.sql',
        from: `where l.job_id = j.job_id and l.cause = 'process'`,
        to: `where l.job_id = j.job_id and l.cause = 'none'`,
      },
    ],
  },
  {
    name: 'a crash budget that is used up one death too early',
    scenario: 'a job that kills its agents',
    caughtBy: 'a crash budget is kept',
    edits: [
      {
        file: 'dist/src/domain/crash-budget.js',
        from: 'if (earlier < maxCrashes)',
        to: 'if (earlier + 1 < maxCrashes)',
      },
      {
        file: 'sql/migrations/0027_crash_budget.sql',
        from: 'case when w.earlier >= v_max then',
        to: 'case when w.earlier + 1 >= v_max then',
      },
      {
        file: 'sql/migrations/0027_crash_budget.sql',
        from: '::integer, 0) >= v_max);',
        to: '::integer, 0) + 1 >= v_max);',
      },
    ],
  },
];
