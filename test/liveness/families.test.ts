import { afterEach, describe, expect, it, vi } from 'vitest';
import { createLinuxDriver, probeProcess } from '../../src/liveness/index.js';
import { canNest, childrenOf, CONTAINER, endContainer, lookAt, NEEDS, startScript } from './nested.js';
import { end, endAfterwards, firstLine, isLinux, psField, start, until } from './processes.js';
import { stampOf } from './stamps.js';

afterEach(() => {
  vi.restoreAllMocks();
});

/** A process with children that outlive it. */
async function startFamily(children: number) {
  const { child, pid } = start('sh', ['-c', `${'sleep 300 & '.repeat(children)} echo; wait`]);
  await firstLine(child);
  const pids = await until(() => {
    const found = childrenOf(pid);
    return found.length === children && found.every((one) => psField('comm', one) === 'sleep')
      ? found
      : undefined;
  });
  for (const one of pids ?? []) endAfterwards(one);
  return { child, stamp: { pid, processIdentity: stampOf(pid) }, pids: pids ?? [] };
}

async function kill(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await until(() => /^Z|^$/.test(psField('stat', pid)));
}

describe.skipIf(!isLinux)('the children of a dead process (needs Linux)', () => {
  it('make it defunct as long as one of them lives, if a sentinel has seen them', async () => {
    const { child, stamp, pids } = await startFamily(2);
    const driver = createLinuxDriver();
    await driver.keepFamilies([stamp]);
    expect(await lookAt(stamp, driver)).toMatchObject({ state: 'alive', proven: true });
    await end(child);
    const named = [...pids].sort((one, other) => one - other).join(', ');
    const liveness = await lookAt(stamp, driver);
    expect(liveness).toMatchObject({ state: 'defunct', proven: false });
    expect(liveness.evidence).toContain(`processes that it started live on (${named})`);
    await kill(pids[0] ?? 0);
    expect((await lookAt(stamp, driver)).evidence).toContain(`live on (${pids[1] ?? ''})`);
    await kill(pids[1] ?? 0);
    const dead = await lookAt(stamp, driver);
    expect(dead).toMatchObject({ state: 'dead' });
    expect(dead.evidence).toContain('no child of it lives on');
  });

  it('mean nothing if nobody has seen them, and the evidence says so', async () => {
    const { child, stamp } = await startFamily(1);
    await end(child);
    const liveness = await lookAt(stamp);
    expect(liveness).toMatchObject({ state: 'dead' });
    expect(liveness.evidence).toContain('no sentinel has seen whether it left children');
  });

  it('mean nothing if they were seen over ten seconds before its last sign of life', async () => {
    const { child, stamp } = await startFamily(1);
    const driver = createLinuxDriver();
    await driver.keepFamilies([stamp]);
    const nowMs = performance.now();
    const clock = vi.spyOn(performance, 'now').mockReturnValue(nowMs + 10_001);
    expect(await lookAt(stamp, driver)).toMatchObject({ state: 'alive' });
    clock.mockRestore();
    await end(child);
    expect(await lookAt(stamp, driver)).toMatchObject({ state: 'dead' });
  });

  it('are forgotten with a process that no row names any more', async () => {
    const { child, stamp } = await startFamily(1);
    const driver = createLinuxDriver();
    await driver.keepFamilies([stamp]);
    await driver.keepFamilies([]);
    await end(child);
    expect((await lookAt(stamp, driver)).evidence).toContain('no sentinel has seen');
  });

  it('of which it has none make it dead, as do those that ended before it', async () => {
    const { child, stamp, pids } = await startFamily(1);
    await kill(pids[0] ?? 0);
    const driver = createLinuxDriver();
    await driver.keepFamilies([stamp]);
    await end(child);
    expect(await lookAt(stamp, driver)).toMatchObject({ state: 'dead' });
  });

  it('are not looked for where it has no stamp, or another boot', () => {
    const driver = createLinuxDriver();
    const options = { sharedPidNamespace: true, driver };
    const { evidence } = probeProcess({ pid: 2 ** 31 - 1, processIdentity: null }, options);
    expect(evidence).not.toContain('children');
  });
});

describe.skipIf(!canNest)(`children in other pid namespaces ${NEEDS}`, () => {
  it('count as well, and end with their namespace', async () => {
    const script = `sh -c 'sleep 300 & echo "$$ $(sh docs/recipes/identity.sh $$)"; wait' & wait; exec sleep 300`;
    const nested = await startScript(CONTAINER, script);
    const child = await until(() => childrenOf(nested.hostPid)[0]);
    const driver = createLinuxDriver();
    await driver.keepFamilies([nested]);
    expect(driver.isFamiliar(nested)).toBe(true);
    process.kill(nested.hostPid, 'SIGKILL');
    await until(() => driver.seemsGone(nested));
    const liveness = await lookAt(nested, driver);
    expect(liveness).toMatchObject({ state: 'defunct' });
    expect(liveness.evidence).toContain(`live on (${child ?? ''})`);
    const first = childrenOf(nested.child.pid ?? 0)[0] ?? 0;
    await endContainer({ ...nested, hostPid: first });
    expect(await lookAt(nested, driver)).toMatchObject({ state: 'dead' });
  });
});
