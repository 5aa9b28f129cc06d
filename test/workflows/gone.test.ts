import { setTimeout } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/activity';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ProbeActivities } from '../../src/activities/probe.js';
import { operate } from '../../src/db/operate.js';
import { listLedger } from '../../src/db/ledger.js';
import type { RunRef } from '../../src/domain/types.js';
import { processIdentity, readPlace } from '../../src/liveness/index.js';
import type { WatchState } from '../../src/workflows/messages.js';
import { insertBoot } from '../support/boots.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startReaper, type TestReaper, type TestReaperOptions } from '../support/reaper.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

const OLD_BOOT = 'aaaaaaaa-0000-4000-8000-000000000000';
const here = process.platform === 'linux' ? readPlace() : null;

let db: TestDatabase;
let reaper: TestReaper | undefined;
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await reaper?.stop();
  reaper = undefined;
  await db.drop();
});

async function start(options: TestReaperOptions): Promise<TestReaper> {
  reaper = await startReaper(db, { policy: { intervalS: 600 }, ...options });
  return reaper;
}

/** A run of this very process, which is alive. */
const insertLive = () =>
  insertRunningJob(db.admin, { id: 'live', pid: process.pid, processIdentity: processIdentity(process.pid) });

/** As before the first answer of its probe, however soon that comes. */
const declareGone = () =>
  db.admin.query(
    `insert into reaper.gone_host (host, declared_at, by) values ('host-1', reaper.now(), 'op')`,
  );

const status = async (id: string) => (await readJob(db.admin, id))['status'];

async function evidenceOf(id: string): Promise<string | undefined> {
  const { rows } = await db.admin.query<{ evidence: string }>(
    `select evidence -> 'liveness' ->> 'evidence' as evidence from reaper.ledger where job_id = $1`,
    [id],
  );
  return rows[0]?.evidence;
}

/** Makes the run's watch look, with an operator's request that skips the streak: one wrong death would be enough. */
async function look(run: RunRef, seen: string): Promise<void> {
  if (reaper === undefined) throw new Error('Expected a reaper, got none: start it first');
  const watch = reaper.watch(run);
  await eventually('its watch', () => watch.describe());
  await watch.signal('poke', { why: 'reap', park: true });
  await eventually(`seen ${seen}`, async () => {
    const { story } = await watch.query<WatchState>('watch');
    return story.some((line) => line.includes(`seen ${seen}`));
  });
}

function fails(): never {
  throw ApplicationFailure.nonRetryable('the view may not be read');
}

const causeOf = async (id: string) => (await listLedger(db.reaper, { jobId: id }))[0]?.cause;

describe('a host that was declared gone and answers again', () => {
  it('keeps its live run when a later look at it fails: one answer to a sweep ended the declaration', async () => {
    const run = await insertLive();
    let isBroken = false;
    const { sweepNow } = await start({
      probes: (real) => ({ probeRun: (...args) => (isBroken ? fails() : real.probeRun(...args)) }),
    });
    await declareGone();
    expect(await sweepNow()).toMatchObject({ hostsAnswered: ['host-1'] });
    isBroken = true;
    await look(run, 'unknown: the probe on host host-1 did not answer');
    expect(await status('live')).toBe('running');
  });

  it('is no longer gone after one answer to a look, whoever polls then', async () => {
    const run = await insertLive();
    await start({ hosts: ['host-1'] });
    await declareGone();
    await look(run, 'alive');
    const { rows } = await db.reaper.query(
      `select reaper.host_is_gone('host-1', reaper.now() - interval '1 day') as by`,
    );
    expect(rows).toEqual([{ by: null }]);
  });

  it('keeps it when the very first look fails: a probe that fails exists', async () => {
    const run = await insertLive();
    await start({ probes: () => ({ probeRun: fails, examineHost: fails }) });
    await declareGone();
    await look(run, 'unknown: the probe on host host-1 did not answer');
    expect(await status('live')).toBe('running');
  });

  it('keeps it when a look takes longer than a gone host is waited for', async () => {
    const run = await insertLive();
    await start({
      probes: (real: ProbeActivities) => ({
        async probeRun(...args) {
          await setTimeout(3_000);
          return real.probeRun(...args);
        },
      }),
    });
    await declareGone();
    await look(run, 'alive');
    expect(await status('live')).toBe('running');
  });
});

describe.skipIf(here === null)('a run of another boot (needs /proc)', () => {
  const insertOld = () =>
    insertRunningJob(db.admin, {
      id: 'old',
      // The age that matters is the new boot's: a run that started later is proof that its own went on.
      startedS: 7_000,
      pid: process.pid,
      processIdentity: `linux:${here?.machineId}:${OLD_BOOT}:4026531836:5`,
    });

  it('is unknown with the same machine id alone, and dead once its boot is declared gone', async () => {
    const run = await insertOld();
    const { watch } = await start({ policy: { intervalS: 0.3 } });
    await look(run, 'unknown: stamped in boot');
    expect(await status('old')).toBe('running');
    await operate(db.reaper, { action: 'boot-gone', boot: OLD_BOOT, by: 'op' });
    expect(await watch(run).result()).toMatchObject({ outcome: 'queued' });
    expect(await evidenceOf('old')).toBe(`boot ${OLD_BOOT} declared gone by op`);
    expect(await causeOf('old')).toBe('boot-gone');
  });

  it.skipIf(!here?.isInitial || here.machineId === '')(
    'is dead once its machine has rebooted, as its probes reported (needs the first pid namespace and a machine id)',
    async () => {
      await insertBoot(db.admin, { boot: OLD_BOOT, machineId: here?.machineId ?? '', lastSeenS: 6_000 });
      const run = await insertOld();
      const { sweepNow, watch } = await start({ policy: { intervalS: 0.3 } });
      await sweepNow();
      await look(run, 'unknown: stamped in boot');
      expect(await status('old')).toBe('running');
      // As the probe would have told had it been there since its kernel began, half an hour ago.
      await db.admin.query(
        `update reaper.host_boot set first_seen_at = first_seen_at - interval '30 min',
                began_at = first_seen_at - interval '31 min' where boot = $1`,
        [here?.bootId],
      );
      expect(await watch(run).result()).toMatchObject({ outcome: 'queued' });
      expect(await evidenceOf('old')).toContain('this machine has rebooted since');
      expect(await causeOf('old')).toBe('reboot');
    },
  );
});
