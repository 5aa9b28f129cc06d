import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostReporter } from '../../src/activities/host-reporter.js';
import { createProbeActivities } from '../../src/activities/probe.js';
import { DEFAULT_POLICY } from '../../src/domain/types.js';
import { createLinuxDriver, parseStamp } from '../../src/liveness/index.js';
import { formatToken } from '../../src/liveness/token.js';
import { Names } from '../../src/naming.js';
import { canNest, endContainer, NEEDS, startNested, type Nested } from '../liveness/nested.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertNamed, nameWorkers } from '../support/named-workers.js';

const HOST = 'node-1';
const POLICY = { ...DEFAULT_POLICY, placesGone: false };

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
  await nameWorkers(db.admin);
});
afterEach(() => db.drop());

/** The name that a worker of a real queue has in its rows. */
function tokenOf({ pid, processIdentity }: Nested): string {
  const stamp = parseStamp(processIdentity);
  if (stamp?.scheme !== 'linux') throw new Error(`Expected a stamp, got ${processIdentity}`);
  const { bootId, pidNamespace, start } = stamp;
  return `${formatToken({ bootId, pidNamespace, pid, start }) ?? ''}.a9x2`;
}

function createProbe() {
  const driver = createLinuxDriver();
  const reporter = new HostReporter({ pool: db.probe, host: HOST, driver });
  const names = new Names('test');
  const probe = createProbeActivities({
    ...{ pool: db.probe, names, host: HOST, sharedPidNamespace: false, driver, reporter },
  });
  return { probe, reporter, names };
}

describe.skipIf(!canNest)(`one probe for the workers in a node's pods ${NEEDS}`, () => {
  it('judges all that their names say, in each kind of look', async () => {
    const [live, dead] = [await startNested(), await startNested(2)];
    await insertNamed(db.admin, 'live', tokenOf(live));
    await insertNamed(db.admin, 'dead', tokenOf(dead));
    const { probe, reporter, names } = createProbe();
    await reporter.report();
    const lookAll = async () => ({
      examined: await probe.examineHost(HOST, null, 60_000),
      looked: await probe.lookAtHost(
        HOST,
        { page: { after: null, to: 'z' }, named: null },
        { ...POLICY, intervalS: 0 },
      ),
    });
    expect(await lookAll()).toMatchObject({
      examined: { symptoms: [], dead: 0, unknown: 0 },
      looked: { runs: [], rows: 2 },
    });
    await endContainer(dead);
    const { examined, looked } = await lookAll();
    expect(examined).toMatchObject({ symptoms: [{ jobId: 'dead', symptom: 'dead' }], dead: 1, unknown: 0 });
    expect(examined.symptoms[0]?.watchId).toBe(
      names.watchId(examined.symptoms[0] ?? { jobId: '', runKey: '' }),
    );
    expect(looked.runs.map(([job]) => job)).toEqual(['dead']);
    expect(looked.kinds).toMatchObject([{ state: 'dead' }]);
    expect(await probe.probeRun(HOST, live)).toMatchObject({ state: 'alive', proven: true });
    expect(await probe.probeRun(HOST, dead)).toMatchObject({ state: 'dead' });
  });

  it('answers many who ask at once from few lists', async () => {
    const nested = await startNested();
    const { probe } = createProbe();
    const seen = await Promise.all(Array.from({ length: 20 }, () => probe.probeRun(HOST, nested)));
    expect(new Set(seen.map(({ state }) => state))).toEqual(new Set(['alive']));
    await endContainer(nested);
    const gone = await Promise.all(Array.from({ length: 20 }, () => probe.probeRun(HOST, nested)));
    expect(new Set(gone.map(({ state }) => state))).toEqual(new Set(['dead']));
  });
});
