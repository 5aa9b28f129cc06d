import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createProbeActivities } from '../../src/activities/probe.js';
import { oweBackstopAlert } from '../../src/db/backstop-alert.js';
import { readControl } from '../../src/db/control.js';
import { observeRun } from '../../src/db/observe-run.js';
import { publishPolicy } from '../../src/db/policy.js';
import { readSymptoms } from '../../src/db/symptoms.js';
import { DEFAULT_POLICY } from '../../src/domain/types.js';
import { processIdentity } from '../../src/liveness/index.js';
import { Names } from '../../src/naming.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob } from '../support/rows.js';
import { aRun } from '../support/run.js';

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.drop());

const hasExitCodes = (answer: string) =>
  db.admin.query(
    `create function reaper.has_exit_codes() returns boolean language sql as 'select ${answer}'`,
  );
const publish = (backstopUnknown: 'reap' | 'alert' | 'by adapter') =>
  publishPolicy(db.reaper, { ...DEFAULT_POLICY, backstopUnknown }, 'test');

/** What scans, looks and explanations use. */
async function inForce(): Promise<string[]> {
  const run = await insertRunningJob(db.admin, {});
  const looked = await observeRun(db.reaper, run);
  return [(await readControl(db.reaper)).policy.backstopUnknown, looked.policy.backstopUnknown];
}

describe('what happens to unknown runs over their ceiling', () => {
  it.each([
    [null, 'reap'],
    ['true', 'reap'],
    ['null::boolean', 'reap'],
    ['false', 'alert'],
  ])('where has_exit_codes() is %s: %s', async (answer, expected) => {
    await publish('by adapter');
    if (answer !== null) await hasExitCodes(answer);
    expect(await inForce()).toEqual([expected, expected]);
  });

  it('is what the setting says, whatever the adapter does', async () => {
    await hasExitCodes('false');
    await publish('reap');
    expect(await inForce()).toEqual(['reap', 'reap']);
  });

  it('is unchanged under the policy of a worker that does not know the setting', async () => {
    await hasExitCodes('false');
    await db.reaper.query(`select reaper.publish_policy('{"intervalS": 15}', 'an older worker')`);
    expect(await inForce()).toEqual(['reap', 'reap']);
  });
});

describe('the alert', () => {
  it('is owed once per run, has its own kind, and ends the symptom', async () => {
    const run = await insertRunningJob(db.admin, { id: 'j1', startedS: 8_000 });
    const policy = { ...DEFAULT_POLICY, backstopUnknown: 'alert' } as const;
    const symptoms = async () => (await readSymptoms(db.reaper, policy, null, 9)).items.length;
    const owe = () => oweBackstopAlert(db.reaper, aRun(run), 'backstop age=1s>=1s', 'backstop unknown');
    expect(await symptoms()).toBe(1);
    expect(await owe()).toContain('it is unknown whether it is alive: backstop age=1s>=1s');
    expect(await owe()).toBeNull();
    expect(await symptoms()).toBe(0);
    expect(await observeRun(db.reaper, run)).toMatchObject({ alerted: false, alertedUnknown: true });
    expect(await oweBackstopAlert(db.reaper, aRun(run), 'backstop age=1s>=1s')).toContain('is proven alive');
    const { rows } = await db.reaper.query(`select kind, key from reaper.notification order by id`);
    expect(rows).toEqual([
      { kind: 'backstop unknown', key: `backstop-unknown/j1/${run.runKey}` },
      { kind: 'backstop alive', key: `backstop-alive/j1/${run.runKey}` },
    ]);
  });

  it('is still owed by a worker of the previous version, which names no kind', async () => {
    const { rows } = await db.reaper.query<{ text: string }>(
      `select reaper.owe_backstop_alert('j1', 'k', 'h', 'a', 'r', 'why') as text`,
    );
    expect(rows[0]?.text).toContain('is proven alive but over its ceiling: why');
  });
});

describe('a run over its ceiling that was alerted about as alive', () => {
  const symptoms = async () => (await readSymptoms(db.reaper, DEFAULT_POLICY, null, 9)).items;
  const owe = (run: { jobId: string; runKey: string }, kind: 'backstop alive' | 'backstop unknown') =>
    oweBackstopAlert(db.reaper, aRun(run), 'backstop age=1s>=1s', kind);
  const answered = (agoS: number) =>
    db.admin.query(
      `insert into reaper.host_probe (host, answered_at) values ('host-1', reaper.now() - make_interval(secs => $1))
       on conflict (host) do update set answered_at = excluded.answered_at`,
      [agoS],
    );
  const examined = async () =>
    (
      await createProbeActivities({
        pool: db.probe,
        names: new Names('test'),
        host: 'host-1',
        sharedPidNamespace: false,
      }).examineHost('host-1', null, 60_000)
    ).symptoms.map(({ jobId, symptom }) => `${jobId}: ${symptom}`);
  /** This very process, as another pid namespace would stamp it: nobody can tell. */
  const elsewhere = (processIdentity(process.pid) ?? '').replace(/:(\d+):(\d+)$/, ':1:$2');

  it('is a symptom while its host is silent, until people are told that it is unknown', async () => {
    const run = await insertRunningJob(db.admin, { id: 'j1', startedS: 8_000, processIdentity: elsewhere });
    await owe(run, 'backstop alive');
    expect(await symptoms()).toMatchObject([{ jobId: 'j1', symptom: 'age' }]);
    await answered(3_600);
    expect(await symptoms()).toMatchObject([{ jobId: 'j1', symptom: 'age' }]);
    await answered(0);
    expect(await symptoms()).toEqual([]);
    await answered(3_600);
    await owe(run, 'backstop unknown');
    expect(await symptoms()).toEqual([]);
  });

  it('is named by its probe as long as people have to be told that it is unknown, and not while it is alive', async () => {
    const pid = process.pid;
    const stamped = (id: string, stamp: string | null) =>
      insertRunningJob(db.admin, { id, startedS: 8_000, pid, processIdentity: stamp });
    const alive = await stamped('alive', processIdentity(pid));
    const unknown = await stamped('unknown', elsewhere);
    await stamped('never alerted', elsewhere);
    for (const run of [alive, unknown]) await owe(run, 'backstop alive');
    expect(await examined()).toEqual(['unknown: age']);
    await owe(unknown, 'backstop unknown');
    expect(await examined()).toEqual([]);
  });
});
