import { describe, expect, it } from 'vitest';
import { createLinuxDriver, parseStamp, probeProcess } from '../../src/liveness/index.js';
import { formatStamp, type LinuxStamp } from '../../src/liveness/stamp.js';
import type { BootFacts } from '../../src/domain/boots.js';
import {
  canNest,
  childrenOf,
  CONTAINER,
  endContainer,
  lookAt,
  NEEDS,
  RECIPE,
  pidsOf,
  startNested,
  startScript,
  type Nested,
} from './nested.js';
import {
  end,
  endAfterwards,
  firstLine,
  isLinux,
  psField,
  start,
  startSleep,
  until,
  works,
} from './processes.js';
import { linuxStampOf, OTHER_MACHINE, stampOf } from './stamps.js';

/** Of a boot that was seen on two machines. */
const LINE = {
  pidNamespace: '4026531836',
  host: 'host-1',
  machineId: '',
  isInitial: true,
  beganMs: null,
  firstSeenMs: 0,
  lastSeenMs: 0,
  twiceMs: 999,
  lastStartMs: null,
  lastProcessMs: null,
  lateStamps: [],
};

function changed({ pid, processIdentity }: Nested, fields: Partial<LinuxStamp>) {
  const stamp = parseStamp(processIdentity);
  if (stamp?.scheme !== 'linux') throw new Error(`Expected a stamp, got ${processIdentity}`);
  return { pid, processIdentity: formatStamp({ ...stamp, ...fields }) };
}

const stampIn = ({ processIdentity }: Nested) => {
  const stamp = parseStamp(processIdentity);
  if (stamp?.scheme !== 'linux') throw new Error(`Expected a stamp, got ${processIdentity}`);
  return stamp;
};

describe.skipIf(!canNest)(`a process in another pid namespace ${NEEDS}`, () => {
  it.each([1, 2])('is proven alive, and dead once it is gone with its namespace, %i deep', async (depth) => {
    const nested = await startNested(depth);
    expect(pidsOf(nested.hostPid)).toHaveLength(depth + 1);
    const { pidNamespace, start } = stampIn(nested);
    expect(pidNamespace).not.toBe(linuxStampOf(process.pid).pidNamespace);
    expect(await lookAt(nested)).toEqual({
      state: 'alive',
      proven: true,
      evidence: `pid ${nested.pid} runs in pid namespace ${pidNamespace} of this boot since tick ${start}, as stamped: it is process ${nested.hostPid} of /proc`,
    });
    await endContainer(nested);
    expect(await lookAt(nested)).toEqual({
      state: 'dead',
      proven: false,
      cause: 'process',
      evidence: `pid ${nested.pid} is gone: no process of this machine has this pid in any pid namespace and start tick ${start} (complete list of /proc); no sentinel has seen whether it left children`,
    });
  });

  it('is dead if its namespace goes on without it', async () => {
    const nested = await startScript(
      CONTAINER,
      `sleep 300 & echo "$! $(sh ${RECIPE} $!)"; wait; exec sleep 300`,
    );
    expect(await lookAt(nested)).toMatchObject({ state: 'alive', proven: true });
    process.kill(nested.hostPid, 'SIGKILL');
    await until(() => pidsOf(nested.hostPid).length === 0);
    expect(await lookAt(nested)).toMatchObject({ state: 'dead' });
  });

  it('is neither dead nor proven alive while it lives if its stamp was made from above its namespace', async () => {
    // Stamped in the outer container, by its pid there.
    const script = `${CONTAINER.join(' ')} sleep 300 & outer=$!
      until child=$(cat /proc/$outer/task/$outer/children) && [ -n "$child" ]; do :; done
      echo "\${child% } $(sh ${RECIPE} $child)"; wait`;
    const nested = await startScript(CONTAINER, script);
    expect(pidsOf(nested.hostPid)).toEqual([nested.hostPid, nested.pid, 1]);
    const liveness = await lookAt(nested);
    expect(liveness).toMatchObject({ state: 'unknown', proven: false });
    expect(liveness.evidence).toContain(`process ${nested.hostPid} of /proc has its pid and start`);
    await endContainer(nested);
    expect(await lookAt(nested)).toMatchObject({ state: 'dead' });
  });

  it('is not confused with one that has the same pid and start in another namespace', async () => {
    const twins = await startTwins();
    const [one, other] = twins;
    expect([one.pid, stampIn(one).start]).toEqual([other.pid, stampIn(other).start]);
    for (const twin of twins) expect(await lookAt(twin)).toMatchObject({ state: 'alive', proven: true });
    await endContainer(one);
    expect(await lookAt(one)).toMatchObject({ state: 'dead' });
    expect(await lookAt(other)).toMatchObject({ state: 'alive', proven: true });
  });

  it('is dead although a later namespace has got the number of its own', async () => {
    const [nested, heir] = await startHeir();
    expect(await lookAt(nested)).toMatchObject({ state: 'dead' });
    expect(await lookAt(heir)).toMatchObject({ state: 'alive', proven: true });
  });

  it('is defunct once it has exited and nobody collected it', async () => {
    const script = `sleep 300 & pid=$!; echo "$pid $(sh ${RECIPE} $pid)"; exec sleep 300`;
    const nested = await startScript(CONTAINER, script);
    const driver = createLinuxDriver();
    const known = createLinuxDriver();
    expect(await lookAt(nested, known)).toMatchObject({ state: 'alive' });
    await until(() => pidsOf(nested.hostPid).length > 0);
    const parent = nested.child.pid ?? 0;
    await until(() => psField('comm', childrenOf(parent)[0] ?? 0) === 'sleep');
    process.kill(nested.hostPid, 'SIGKILL');
    await until(() => psField('stat', nested.hostPid).startsWith('Z'));
    for (const by of [driver, known]) {
      expect(await lookAt(nested, by)).toMatchObject({ state: 'defunct', proven: false });
    }
  });

  it.skipIf(!works('python3', ['-c', 'import ctypes']))(
    'is alive when only its main thread has ended (needs python3)',
    async () => {
      const program = [
        'import ctypes, threading, time',
        'threading.Thread(target=time.sleep, args=(300,)).start()',
        'ctypes.CDLL(None).pthread_exit(None)',
      ].join('\n');
      const nested = await startScript(
        CONTAINER,
        `echo "$$ $(sh ${RECIPE} $$)"; exec python3 -c '${program}'`,
      );
      await until(() => psField('stat', nested.hostPid).startsWith('Z'));
      expect(await lookAt(nested)).toMatchObject({ state: 'alive', proven: true });
    },
  );

  it('is judged whatever machine id its stamp has, and unknown with a number that no namespace of this kernel has', async () => {
    const nested = await startNested();
    expect(await lookAt(changed(nested, { machineId: OTHER_MACHINE }))).toMatchObject({ state: 'alive' });
    await endContainer(nested);
    expect(await lookAt(changed(nested, { machineId: OTHER_MACHINE }))).toMatchObject({ state: 'dead' });
    // Kernels that only act like Linux, and have this one's boot id from a mount.
    const liveness = await lookAt(changed(nested, { pidNamespace: '12' }));
    expect(liveness).toMatchObject({ state: 'unknown' });
    expect(liveness.evidence).toContain('no pid namespace of this kernel has the number 12');
  });

  it('is unknown, unless alive, while two machines have this boot', async () => {
    const nested = await startNested();
    const { bootId } = stampIn(nested);
    const boots: BootFacts = { nowMs: 1_000, lines: [{ ...LINE, boot: bootId }] };
    const look = async () => {
      const driver = await createLinuxDriver().prepare([nested]);
      return probeProcess(nested, { sharedPidNamespace: false, driver, boots });
    };
    expect(await look()).toMatchObject({ state: 'alive', proven: true });
    await endContainer(nested);
    const liveness = await look();
    expect(liveness).toMatchObject({ state: 'unknown' });
    expect(liveness.evidence).toContain('is alive on two machines');
  });

  it('once found is looked at without a list, until it is gone', async () => {
    const nested = await startNested();
    const driver = createLinuxDriver();
    const alone = () => probeProcess(nested, { sharedPidNamespace: false, driver });
    expect(driver.isFamiliar(nested)).toBe(false);
    expect(alone()).toMatchObject({ state: 'unknown' });
    expect(await lookAt(nested, driver)).toMatchObject({ state: 'alive' });
    expect(driver.isFamiliar(nested)).toBe(true);
    expect(alone()).toMatchObject({ state: 'alive', proven: true });
    expect(driver.seemsGone(nested)).toBe(false);
    await endContainer(nested);
    expect(driver.seemsGone(nested)).toBe(true);
    // Memory is enough for a symptom, but no proof.
    expect(alone()).toMatchObject({ state: 'unknown' });
    const remembered = await driver.prepare([nested], { fromMemory: true });
    expect(probeProcess(nested, { sharedPidNamespace: false, driver: remembered })).toMatchObject({
      state: 'dead',
    });
    expect(await lookAt(nested, driver)).toMatchObject({ state: 'dead' });
  });

  it('is never missing in a list, however many processes start, end, fork and exec meanwhile', async () => {
    for (let n = 0; n < 3; n += 1) start('sh', ['-c', 'while :; do /bin/true & /bin/true; wait; done']);
    const program = `
      import os, sys, threading, time
      def again(): os.execv("/bin/sh", ["sh", "-c", "exec python3 -S -c \\"$PROGRAM\\""])
      threading.Thread(target=again).start()
      time.sleep(300)`
      .split('\n')
      .map((line) => line.slice(6))
      .join('\n');
    // Its second thread executes a new program, time and again, which takes over pid and start of the first thread.
    const script = `echo "$$ $(sh ${RECIPE} $$)"; exec python3 -S -c "$PROGRAM"`;
    const { child } = start('env', [`PROGRAM=${program}`, ...CONTAINER, 'sh', '-c', script]);
    const [pid = '', processIdentity = ''] = (await firstLine(child)).split(' ');
    // What its second thread executed no longer ends with its parent.
    endAfterwards((await until(() => childrenOf(child.pid ?? 0)[0])) ?? 0);
    const states = new Set<string>();
    for (let n = 0; n < 60; n += 1) {
      states.add((await lookAt({ pid: Number(pid), processIdentity })).state);
    }
    expect([...states]).toEqual(['alive']);
  });
});

describe.skipIf(!isLinux)('a stamp of this very pid namespace', () => {
  it('needs no list', async () => {
    const { child, pid } = startSleep();
    const driver = createLinuxDriver({ hostProc: '/nonexistent' });
    const stamp = { pid, processIdentity: stampOf(pid) };
    expect(driver.isFamiliar(stamp)).toBe(true);
    expect(await lookAt(stamp, driver)).toMatchObject({ state: 'alive', proven: true });
    expect(driver.seemsGone(stamp)).toBe(false);
    await end(child);
    expect(driver.seemsGone(stamp)).toBe(true);
    expect(await lookAt(stamp, driver)).toMatchObject({ state: 'dead' });
  });
});

/** Two processes that have the same pid and start, each in its own namespace. */
async function startTwins(): Promise<[Nested, Nested]> {
  for (;;) {
    const some = await Promise.all(Array.from({ length: 8 }, () => startNested()));
    for (const [n, one] of some.entries()) {
      const other = some
        .slice(n + 1)
        .find((it) => it.pid === one.pid && stampIn(it).start === stampIn(one).start);
      if (other !== undefined) return [one, other];
    }
    await Promise.all(some.map(endContainer));
  }
}

/** A process that is gone, and one whose namespace has got the number of its namespace: the kernel gives it away again at once. */
async function startHeir(): Promise<[Nested, Nested]> {
  for (;;) {
    const nested = await startNested();
    await endContainer(nested);
    const heir = await startNested();
    if (stampIn(heir).pidNamespace === stampIn(nested).pidNamespace) return [nested, heir];
    await endContainer(heir);
  }
}
