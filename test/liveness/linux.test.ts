import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { bootsInDoubt, createLinuxDriver, probeProcess, processIdentity } from '../../src/liveness/index.js';
import type { LivenessDriver } from '../../src/liveness/index.js';
import {
  end,
  firstLine,
  isLinux,
  PID_NOBODY_HAS,
  psField,
  start,
  startSleep,
  startZombie,
  until,
  works,
} from './processes.js';
import { forged, linuxStampOf, OTHER_BOOT, OTHER_MACHINE, stampOf } from './stamps.js';

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A driver for a machine with this machine id, whatever the real one has. */
function driverWithMachineId(text: string): LivenessDriver {
  const folder = mkdtempSync(join(tmpdir(), 'machine-'));
  folders.push(folder);
  const machineIdFile = join(folder, 'machine-id');
  writeFileSync(machineIdFile, `${text}\n`);
  return createLinuxDriver({ machineIdFile });
}

function uptimeTicks(): number {
  // Hundredths of a second, without a multiplication that would not be exact.
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ', 1)[0]?.replace('.', ''));
}

function probe(pid: number, identity: string | null, driver?: LivenessDriver) {
  const stamp = { pid, processIdentity: identity };
  return probeProcess(stamp, driver ? { sharedPidNamespace: false, driver } : { sharedPidNamespace: false });
}

describe.skipIf(!isLinux)('a stamped process on Linux (needs /proc)', () => {
  it('is proven alive when its stamp matches', () => {
    const { pid } = startSleep();
    expect(probe(pid, stampOf(pid))).toEqual({
      state: 'alive',
      proven: true,
      evidence: `pid ${pid} runs in pid namespace ${linuxStampOf(pid).pidNamespace} of this boot since tick ${linuxStampOf(pid).start}, as stamped`,
    });
  });

  it('keeps its stamp when it executes another program', async () => {
    const { child, pid } = start('sh', ['-c', 'read -r go; exec sleep 300']);
    const before = stampOf(pid);
    child.stdin?.write('go\n');
    await until(() => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n');
    expect(probe(pid, before)).toMatchObject({ state: 'alive', proven: true });
  });

  it('is dead once it is gone', async () => {
    const { child, pid } = startSleep();
    const identity = stampOf(pid);
    await end(child);
    const { pidNamespace } = linuxStampOf(process.pid);
    expect(probe(pid, identity)).toEqual({
      state: 'dead',
      proven: false,
      cause: 'process',
      evidence: `pid ${pid} absent in pid namespace ${pidNamespace} of this boot; no sentinel has seen whether it left children`,
    });
  });

  it('is dead when its pid belongs to a process that started at another tick', () => {
    const { pid } = startSleep();
    const { start: found } = linuxStampOf(pid);
    const liveness = probe(pid, forged(pid, { start: '1' }));
    expect(liveness).toMatchObject({ state: 'dead', proven: false });
    expect(liveness.evidence).toContain(`stamped start tick 1, found tick ${found}`);
  });

  it('is defunct when it has exited and nobody collected it', async () => {
    const pid = await startZombie();
    expect(probe(pid, stampOf(pid))).toMatchObject({ state: 'defunct', proven: false });
  });

  it('is defunct when a defunct process with its pid started at another tick and nothing more is known about it', async () => {
    const pid = await startZombie();
    expect(probe(pid, forged(pid, { start: '1' }))).toMatchObject({ state: 'defunct', proven: false });
  });

  it.skipIf(!works('python3', ['-c', 'import ctypes']))(
    'is alive when only its main thread has ended (needs python3)',
    async () => {
      const script = [
        'import ctypes, threading, time',
        'threading.Thread(target=time.sleep, args=(300,)).start()',
        'print("ready", flush=True)',
        'ctypes.CDLL(None).pthread_exit(None)',
      ];
      const { child } = start('python3', ['-c', script.join('\n')]);
      await firstLine(child);
      const pid = child.pid ?? 0;
      await until(() => psField('stat', pid).startsWith('Z'));
      expect(probe(pid, stampOf(pid))).toMatchObject({ state: 'alive', proven: true });
      expect(probe(pid, null)).toMatchObject({ state: 'alive', proven: false });
    },
  );

  it.each([') Z 1 (', 'a) Z 1 2 3', '((', 'x )\n) Z'])(
    'is read rightly when its name is %j',
    async (title) => {
      const script = `process.title = ${JSON.stringify(title)}; console.log('ready'); setInterval(() => {}, 1e6)`;
      const { child, pid } = start(process.execPath, ['-e', script]);
      await firstLine(child);
      expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe(`${title}\n`);
      expect(linuxStampOf(pid).start).toMatch(/^\d+$/);
      expect(probe(pid, stampOf(pid))).toMatchObject({ state: 'alive', proven: true });
      expect(probe(pid, null)).toMatchObject({ state: 'alive' });
    },
  );
});

describe.skipIf(!isLinux)('a stamp from elsewhere, on Linux (needs /proc)', () => {
  const machineId = '0123456789abcdef0123456789abcdef';

  it('is unknown in another boot, whatever the machine ids say: only what is on record about boots can settle it', () => {
    const driver = driverWithMachineId(machineId);
    const identity = forged(process.pid, { machineId, bootId: OTHER_BOOT });
    const liveness = probe(process.pid, identity, driver);
    expect(liveness).toMatchObject({ state: 'unknown', proven: false });
    expect(bootsInDoubt({ pid: process.pid, processIdentity: identity }, liveness, driver)).toEqual([
      OTHER_BOOT,
      linuxStampOf(process.pid).bootId,
    ]);
  });

  it('is unknown when another machine wrote it', () => {
    const driver = driverWithMachineId(machineId);
    const identity = forged(process.pid, { machineId: OTHER_MACHINE, bootId: OTHER_BOOT });
    expect(probe(PID_NOBODY_HAS, identity, driver)).toMatchObject({ state: 'unknown' });
  });

  it.each(['', 'uninitialized', '0'.repeat(32)])(
    'is unknown after a reboot where the machine id is %j, which says nothing',
    (text) => {
      const identity = forged(process.pid, { machineId: text, bootId: OTHER_BOOT });
      expect(probe(PID_NOBODY_HAS, identity, driverWithMachineId(text))).toMatchObject({ state: 'unknown' });
    },
  );

  it('does not need the machine id within one boot', () => {
    const identity = forged(process.pid, { machineId: OTHER_MACHINE });
    expect(probe(process.pid, identity, driverWithMachineId(''))).toMatchObject({
      state: 'alive',
      proven: true,
    });
    expect(probe(PID_NOBODY_HAS, identity, driverWithMachineId(''))).toMatchObject({ state: 'dead' });
  });

  it('is unknown when it was written in another pid namespace', () => {
    const identity = forged(process.pid, { pidNamespace: '1' });
    const liveness = probe(PID_NOBODY_HAS, identity);
    expect(liveness).toMatchObject({ state: 'unknown' });
    expect(liveness.evidence).toContain('stamped in pid namespace 1,');
  });

  it('is unknown when it is of the kind for ps', () => {
    const liveness = probe(PID_NOBODY_HAS, 'ps:here:Mon Nov 23 23:18:00 2026');
    expect(liveness).toMatchObject({ state: 'unknown' });
    expect(liveness.evidence).toMatch(/expected a stamp linux:.*got one of kind ps/);
  });
});

describe.skipIf(!isLinux)('processIdentity on Linux (needs /proc)', () => {
  it('tells two processes apart, and gives one process the same stamp twice', async () => {
    const first = startSleep();
    const ticks = Number(linuxStampOf(first.pid).start);
    // A tick is 10 ms: the second process must not start within the first one's.
    await until(() => uptimeTicks() > ticks);
    const second = startSleep();
    expect(stampOf(first.pid)).toBe(stampOf(first.pid));
    expect(Number(linuxStampOf(second.pid).start)).toBeGreaterThan(ticks);
  });

  it.each([PID_NOBODY_HAS, 0, -1, 1.5, 2 ** 31, Number.NaN])('is null for pid %d', (pid) => {
    expect(processIdentity(pid)).toBeNull();
  });
});
