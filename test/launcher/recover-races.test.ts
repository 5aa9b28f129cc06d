import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { recoverRuns } from '../../demo/launcher/recover.js';
import { report } from '../../demo/launcher/report.js';
import { takeJob } from '../../demo/launcher/take-job.js';
import type { ClaimResult } from '../../src/db/claim.js';
import type { RunRef } from '../../src/domain/types.js';
import { claimRun, countLedger } from '../support/claims.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { OpenTransaction, waitsForLock } from '../support/locks.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { machineWithId, stampBeforeReboot } from './reboot.js';

vi.mock(import('../../demo/launcher/report.js'), () => ({ report: vi.fn() }));

const RECOVERY_LOCK = 'select from jobs where id = $1 for no key update';
const LOCK_JOB = `select from jobs where id = 'j1' for update`;

let db: TestDatabase;
let run: RunRef & { runId: string };

beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  vi.mocked(report).mockReset();
  await db.drop();
});

const recover = () => recoverRuns(db.admin, 'host-1', machineWithId());

function claim(): Promise<ClaimResult> {
  return claimRun(db.reaper, run, { run: { processIdentity: stampBeforeReboot() } });
}

/** What each of the two did, which must fit what is on record. */
async function deeds() {
  const job = await readJob(db.admin, 'j1');
  return {
    recovered: vi.mocked(report).mock.calls.filter(([{ event }]) => event === 'recovered').length,
    claimed: await countLedger(db.admin),
    row: `${String(job['status'])}, attempt ${String(job['attempts'])}`,
    error: String(job['error']).split(':')[0],
  };
}

const BY_RECOVERY = { recovered: 1, claimed: 0, row: 'queued, attempt 1', error: 'launcher restarted' };
const BY_CLAIM = { recovered: 0, claimed: 1, row: 'queued, attempt 1', error: 'reaped' };

describe.skipIf(process.platform !== 'linux')('a recovery and a claim of the same run (needs Linux)', () => {
  beforeEach(async () => {
    run = await insertRunningJob(db.admin, { id: 'j1', processIdentity: stampBeforeReboot() });
  });

  it('the recovery first: the claim is lost', async () => {
    await recover();
    expect(await claim()).toMatchObject({ result: 'lost' });
    expect(await deeds()).toEqual(BY_RECOVERY);
  });

  it('the claim first: the recovery finds nothing', async () => {
    expect(await claim()).toMatchObject({ result: 'won' });
    await recover();
    expect(await deeds()).toEqual(BY_CLAIM);
  });

  it.each([
    ['recovery', [RECOVERY_LOCK, 'reaper.claim'], BY_RECOVERY],
    ['claim', ['reaper.claim', RECOVERY_LOCK], BY_CLAIM],
  ] as const)('both wait for the row, the %s before the other: it alone acts', async (_, order, expected) => {
    const other = await OpenTransaction.begin(db.admin);
    await other.run(LOCK_JOB);
    const both: Promise<unknown>[] = [];
    for (const statement of order) {
      both.push(statement === RECOVERY_LOCK ? recover() : claim());
      await waitsForLock(db.admin, statement);
    }
    await other.rollback();
    await Promise.all(both);
    expect(await deeds()).toEqual(expected);
  });

  it('the recovery waits for a claim that has ended the run and not yet committed', async () => {
    const claimer = await OpenTransaction.begin(db.reaper);
    await claimer.run(
      `select reaper.claim('j1', $1, 'c', 'w', 'queued', 1, 'r', 'reaped: r', '{}', 4242, $2, null)`,
      [run.runKey, stampBeforeReboot()],
    );
    const recovering = recover();
    await waitsForLock(db.admin, RECOVERY_LOCK);
    await claimer.commit();
    await recovering;
    expect(await deeds()).toEqual(BY_CLAIM);
  });

  it('two launchers of one host: one recovers the run', async () => {
    const other = await OpenTransaction.begin(db.admin);
    await other.run(LOCK_JOB);
    const both = [recover(), recover()];
    await waitsForLock(db.admin, RECOVERY_LOCK, 2);
    await other.rollback();
    await Promise.all(both);
    expect(await deeds()).toEqual(BY_RECOVERY);
  });

  it('a claim of the recovered run does not touch the next one', async () => {
    await recover();
    const next = await takeJob(db.admin, { host: 'host-1', agents: null });
    expect(await claim()).toMatchObject({ result: 'lost' });
    expect(await readJob(db.admin, 'j1')).toMatchObject({
      status: 'running',
      attempts: 2,
      run_id: next?.runId,
    });
    expect(await countLedger(db.admin)).toBe(0);
  });

  it.each([
    ['an exit code is recorded', 'update agent_runs set exit_code = 0, finished_at = reaper.now()'],
    ['the run is finalized', `update jobs set status = 'done', finished_at = reaper.now()`],
    ['another process is stamped', 'update jobs set pid = 99'],
    ['another identity is stamped', `update jobs set process_identity = 'linux:::1'`],
    ['the job is taken again', `update jobs set attempts = 2, run_id = null, started_at = reaper.now()`],
  ])('%s while the recovery waits for the row: it writes nothing', async (_, sql) => {
    const other = await OpenTransaction.begin(db.admin);
    await other.run(LOCK_JOB);
    await other.run(sql);
    const recovering = recover();
    await waitsForLock(db.admin, RECOVERY_LOCK);
    await other.commit();
    const before = await readJob(db.admin, 'j1');
    await recovering;
    expect(await readJob(db.admin, 'j1')).toEqual(before);
    expect(before['error']).toBeNull();
    expect(report).not.toHaveBeenCalled();
  });
});
