import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readBoots } from '../../src/db/boots.js';
import { reportHost, type HostReport, type Reporter, type ReporterAnswer } from '../../src/db/report-host.js';
import { BOOT_A as BOOT, HOST_REPORT, INITIAL_NAMESPACE, reporterOf } from '../support/boots.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const [A, B] = [
  { pid: 100, start: '5000' },
  { pid: 200, start: '9000' },
];

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(() => db.admin.query('delete from reaper.host_boot; delete from reaper.host_reporter'));

/** A report of one process; the defaults are those of a process that knows nothing yet. */
async function report(me: Partial<Reporter>, place: Partial<HostReport> = {}): Promise<ReporterAnswer> {
  const reporter = reporterOf({ ...A, ...me });
  const { reporter: answer } = await reportHost(db.probe, { ...HOST_REPORT, ...place, reporter });
  if (answer === null) throw new Error('Expected an answer for the reporter, got none');
  return answer;
}

const isTwice = async () =>
  (await readBoots(db.probe, [BOOT], [])).lines.some(({ twiceMs }) => twiceMs !== null);
const seenAgo = (pid: number, seconds: number) =>
  db.admin.query(
    `update reaper.host_reporter set last_seen_at = reaper.now() - make_interval(secs => $2) where pid = $1`,
    [pid, seconds],
  );
const longAgo = () => Date.now() - 30_000;

describe('one machine', () => {
  it('has one worker after the other: the first is named while its report is recent, and no longer reports', async () => {
    await report(A);
    let { others, turn } = await report(B);
    expect(others).toEqual([expect.objectContaining(A)]);
    const atMs = Date.now();
    await seenAgo(A.pid, 30);
    ({ others, turn } = await report({ ...B, turn, absent: [{ ...A, atMs }] }));
    await seenAgo(A.pid, 50);
    ({ others } = await report({ ...B, turn, absent: [{ ...A, atMs: Date.now() }] }));
    expect([others, await isTwice()]).toEqual([[], false]);
  });

  it('has one after another whose last report was still on its way', async () => {
    await report(A);
    await report(B);
    await report({ ...B, absent: [{ ...A, atMs: Date.now() }] });
    await report({ ...A, sentMs: Date.now() - 9_000 });
    await report({ ...B, absent: [{ ...A, atMs: Date.now() - 19_000 }] });
    expect(await report({ ...A, sentMs: Date.now() - 11_000 })).toMatchObject({ isLate: true });
    await seenAgo(A.pid, 50);
    await report({ ...A, sentMs: Date.now() - 11_000 });
    expect(await report({ ...B, absent: [{ ...A, atMs: longAgo() }] })).toMatchObject({ others: [] });
    expect(await isTwice()).toBe(false);
  });

  it('has workers side by side, which all find each other', async () => {
    let [a, b] = [await report(A), await report(B)];
    for (let n = 0; n < 3; n += 1) {
      a = await report({ ...A, turn: a.turn });
      b = await report({ ...B, turn: b.turn });
    }
    expect([a.others, b.others]).toMatchObject([[B], [A]]);
    expect([a.isTwice, b.isTwice]).toEqual([false, false]);
  });

  it('has pid namespaces that know nothing of each other', async () => {
    await report(A);
    expect((await report(B, { pidNamespace: '7' })).others).toEqual([]);
    expect((await report(A, { boot: BOOT.replaceAll('a', 'b') })).others).toEqual([]);
  });

  it('has a worker that reports its end: its successor need not wait until it counts as silent', async () => {
    const { turn } = await report(A);
    await report({ ...A, turn, isLeaving: true });
    expect((await report(B)).others).toEqual([]);
  });

  it('has a worker that lost an answer while its next report was still on its way', async () => {
    const { turn } = await report(A);
    const lost = { ...A, turn, sentMs: Date.now() - 1_000 };
    await report({ ...A, turn });
    const again = await report(A);
    expect([again.turn, again.isTwice]).toEqual([3, false]);
    expect(await report(lost)).toMatchObject({ isLate: true, isTwice: false });
    expect(await report({ ...A, turn: again.turn })).toMatchObject({ turn: 4, isTwice: false });
  });

  it('has a worker of which an answer was lost before the database’s clock was put back', async () => {
    await report(A);
    const { turn } = await report(A);
    await db.admin.query(
      `update reaper.host_reporter set reset_at = reset_at + interval '10 min', last_seen_at = last_seen_at + interval '10 min'`,
    );
    expect(await report({ ...A, turn })).toMatchObject({ isLate: false, isTwice: false, turn: 3 });
  });

  it('has a worker that is ahead of a database that was restored', async () => {
    await report(A);
    expect(await report({ ...A, turn: 57 })).toMatchObject({ turn: 58, isTwice: false });
    expect(await report({ ...A, turn: 58 })).toMatchObject({ turn: 59, isTwice: false });
  });

  it('has a worker that has seen another one, which a third is told as long as the first reports', async () => {
    const C = { pid: 300, start: '9900' };
    await report(A);
    await report({ ...B, seen: [A] });
    const { others } = await report(C);
    expect(others.map(({ pid, seenBy }) => [pid, seenBy])).toEqual([
      [B.pid, []],
      [A.pid, [B]],
    ]);
    await seenAgo(B.pid, 50);
    expect((await report({ ...C, turn: 1 })).others).toMatchObject([{ ...A, seenBy: [] }]);
  });

  it('can have very many workers: those that one has not seen yet are named first', async () => {
    await report(A);
    await seenAgo(A.pid, 30);
    await db.admin.query(
      `insert into reaper.host_reporter (boot, pid_namespace, pid, start, instance, host, turn, last_seen_at)
       select $1, $2, 1000 + i, '77', 'x', 'host-1', 1, reaper.now() from generate_series(1, 250) i`,
      [BOOT, INITIAL_NAMESPACE],
    );
    const first = await report(B);
    expect(first.others).toHaveLength(200);
    const { others } = await report({ ...B, turn: first.turn, seen: first.others });
    expect(others.map(({ pid }) => pid).indexOf(A.pid)).toBe(50);
  });

  it('has a worker that is killed again and again: a warning once that goes on', async () => {
    const hostWarnings = async () =>
      (await db.reaper.query<{ what: string }>('select what from reaper.host_warning')).rows.map(
        ({ what }) => what,
      );
    for (const [n, seconds] of [160, 110].entries()) {
      await report({ pid: 400 + n, start: '1' });
      await seenAgo(400 + n, seconds);
    }
    await report(A);
    expect(await hostWarnings()).toEqual([]);
    await report(B);
    await seenAgo(B.pid, 60);
    expect(await hostWarnings()).toEqual([
      expect.stringMatching(/^3 workers .* within 180 s without saying so.*silent for 45 s/),
    ]);
  });

  it('has two reporters of one process', async () => {
    const first = await report({ instance: '0.1' });
    await report({ instance: '0.2' });
    await report({ instance: '0.2', turn: 1 });
    expect(await report({ instance: '0.1', turn: first.turn })).toMatchObject({ others: [], isTwice: false });
  });
});

describe('two machines of one snapshot', () => {
  it('are noticed when a process reports that was not found where another one looked', async () => {
    await report(A);
    await report(B);
    await report(A, { host: 'renamed' });
    expect(await report({ ...B, absent: [{ ...A, atMs: longAgo() }] })).toMatchObject({ isTwice: true });
    expect(await report(A)).toMatchObject({ isTwice: true });
    const { rows } = await db.reaper.query<{ host_warnings: string[] }>(
      'select host_warnings from reaper.status',
    );
    expect(rows[0]?.host_warnings).toEqual([
      expect.stringContaining(`host-1: boot ${BOOT} is alive on two machines`),
    ]);
  });

  it('are noticed when both were resumed with the same process, at once', async () => {
    const { turn } = await report(A);
    const here = await report({ ...A, turn });
    expect(here.isTwice).toBe(false);
    expect(await report({ ...A, turn })).toMatchObject({ isTwice: true });
    expect(await report({ ...A, turn: here.turn })).toMatchObject({ isTwice: true });
  });

  it('are noticed when one of them lost an answer in between', async () => {
    const { turn } = await report(A);
    await report(A);
    expect(await report({ ...A, turn })).toMatchObject({ isTwice: true });
  });

  it('count as two for an hour after that', async () => {
    const { turn } = await report(A);
    await report({ ...A, turn });
    await report({ ...A, turn });
    await db.admin.query(`update reaper.host_boot set twice_at = twice_at - interval '59 min'`);
    expect(await report({ ...A, instance: '0.2' })).toMatchObject({ isTwice: true });
    await db.admin.query(`update reaper.host_boot set twice_at = twice_at - interval '2 min'`);
    expect(await report({ ...A, instance: '0.3' })).toMatchObject({ isTwice: false });
  });
});

it('refuses what no process can report', async () => {
  for (const me of [{ pid: 0 }, { start: 'x' }, { instance: 'x'.repeat(41) }]) {
    await expect(report(me)).rejects.toThrow('expected a reporter with pid, start, instance and sentMs');
  }
});

it('forgets those that have long been silent when another comes', async () => {
  await report(A);
  await seenAgo(A.pid, 7_200);
  await report(B);
  const { rows } = await db.reaper.query('select pid from reaper.host_reporter');
  expect(rows).toEqual([{ pid: B.pid }]);
});
