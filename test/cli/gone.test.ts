import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { hostsCheck } from '../../src/cli/doctor/hosts.js';
import { insertBoot } from '../support/boots.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import { patientOf } from './doctor/support.js';
import { cli, createPlace, kill, startCli, type Place } from './support.js';

const BOOT = 'aaaaaaaa-0000-4000-8000-000000000000';

let place: Place;
beforeAll(async () => {
  place = await createPlace();
});
afterAll(() => place.db.drop());

const run = (...args: string[]) => cli(args, place.envWithoutTemporal);

test('boot-gone counts the runs of that boot, and is recorded', async () => {
  await insertRunningJob(place.db.admin, { host: 'far', processIdentity: `linux::${BOOT}:4026531836:5` });
  const { code, stdout } = await run('boot-gone', BOOT, '--by', 'ada');
  expect([code, stdout]).toEqual([
    0,
    expect.stringContaining(`ada declared boot ${BOOT} gone. Running jobs with a stamp of it: 1.`),
  ]);
  const { rows } = await place.db.admin.query(
    `select by, detail from reaper.control_change where action = 'boot-gone'`,
  );
  expect(rows).toEqual([{ by: 'ada', detail: { boot: BOOT } }]);
});

test('boot-gone rejects a malformed boot id, and is refused while a probe of the boot reports', async () => {
  const wrong = await run('boot-gone', 'builder-3');
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining(`Refused: expected a boot id`)]);
  const boot = BOOT.replaceAll('a', 'b');
  await insertBoot(place.db.admin, { boot, lastSeenS: 0 });
  const live = await run('boot-gone', boot);
  expect([live.code, live.stderr]).toEqual([
    1,
    expect.stringContaining(`Refused: expected boot ${boot} to be gone, got a report`),
  ]);
});

test('host-gone suggests --replaced if a probe answers, which declares the runs before it dead', async () => {
  await insertBoot(place.db.admin, {
    boot: BOOT,
    host: 'pod-0',
    pidNamespace: '8',
    isInitial: false,
    lastSeenS: 0,
  });
  const refused = await run('host-gone', 'pod-0');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('--replaced')]);
  const { code, stdout } = await run('host-gone', 'pod-0', '--replaced', '--by', 'ada');
  expect([code, stdout]).toEqual([0, expect.stringContaining('ada declared host pod-0 replaced')]);
  const none = await run('host-gone', 'pod-9', '--replaced');
  expect([none.code, none.stderr]).toEqual([
    1,
    expect.stringContaining('expected one probe to report for host "pod-9", got 0'),
  ]);
});

test('status and doctor name both machines that answer for one host, and a probe that fails', async () => {
  const patient = patientOf(place.db);
  const ask = async () => (await hostsCheck.run(patient.context)).map(({ level, got }) => `${level}: ${got}`);
  await place.db.admin.query('delete from reaper.host_boot');
  expect(await ask()).toEqual(['ok: no problem reported']);
  const [m1, m2] = ['1'.repeat(32), '2'.repeat(32)];
  await insertBoot(place.db.admin, { boot: BOOT, machineId: m1, lastSeenS: 0 });
  await insertBoot(place.db.admin, { boot: BOOT.replaceAll('a', 'b'), machineId: m2, lastSeenS: 0 });
  await insertBoot(place.db.admin, {
    boot: BOOT,
    host: 'host-2',
    lastSeenS: 0,
    failing: 'no right to read the view',
  });
  const findings = await ask();
  await patient.close();
  expect(findings).toEqual([
    expect.stringMatching(new RegExp(`^fail: host "host-1": two probes .*${m1}.*${m2}`)),
    expect.stringMatching(/^fail: host "host-2": its probe fails since .*no right to read the view/),
  ]);
  const { stdout } = await run('status');
  expect(stdout).toContain('Hosts that need attention:');
  for (const part of [m1, m2, 'no right to read the view']) expect(stdout).toContain(part);
  await place.db.admin.query('delete from reaper.host_boot');
});

test('a worker reports its host on its own, with Temporal down', async () => {
  const worker = startCli(['worker', '--no-workflows'], {
    ...place.envWithoutTemporal,
    REAPER_HOST: 'alone',
    DATABASE_URL: place.db.probeUrl,
  });
  try {
    const line = await eventually('its line', async () => {
      const { rows } = await place.db.admin.query<{ boot: string; began: boolean }>(
        `select boot, began_at < first_seen_at as began from reaper.host_boot where host = 'alone' and began_at is not null`,
      );
      return rows[0];
    });
    expect(line.began).toBe(true);
  } finally {
    await kill(worker);
  }
});

test('workers that follow each other on one machine, killed or stopped, never make its boot look like two machines', async () => {
  const { admin } = place.db;
  await admin.query(`update reaper.control set policy = '{"intervalS": 1}'`);
  const reporters = async () =>
    (
      await admin.query<{ pid: number; turn: number }>(
        `select pid, turn from reaper.host_reporter where host = 'rolling' order by last_seen_at desc`,
      )
    ).rows;
  const start = async () => {
    const worker = startCli(['worker', '--no-workflows'], {
      ...place.envWithoutTemporal,
      REAPER_HOST: 'rolling',
      DATABASE_URL: place.db.probeUrl,
    });
    onTestFinished(() => kill(worker));
    await eventually('its reports', async () =>
      (await reporters()).some(({ pid, turn }) => pid === worker.pid && turn >= 4),
    );
    return worker;
  };
  const first = await start();
  await kill(first);
  const second = await start();
  const third = await start();
  expect((await reporters()).map(({ pid }) => pid).sort()).toEqual(
    [first, second, third].map(({ pid }) => pid).sort(),
  );
  for (const worker of [second, third]) {
    worker.process.kill('SIGTERM');
    await worker.ended;
  }
  expect((await reporters()).map(({ pid }) => pid)).toEqual([first.pid]);
  const { rows } = await admin.query('select what from reaper.host_warning');
  expect(rows).toEqual([]);
});
