import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createLinuxDriver, probeProcess, processIdentity } from '../../src/liveness/index.js';
import type { LivenessDriver } from '../../src/liveness/index.js';
import { end, isLinux, startSleep } from './processes.js';
import { forged, stampOf } from './stamps.js';

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(!isLinux)('a /proc that does not show what it should (needs /proc)', () => {
  /** A /proc of this namespace and boot in which no process can be seen. */
  function emptyProc(): string {
    const root = mkdtempSync(join(tmpdir(), 'proc-'));
    folders.push(root);
    mkdirSync(join(root, 'self/ns'), { recursive: true });
    mkdirSync(join(root, 'sys/kernel/random'), { recursive: true });
    copyText('/proc/self/status', join(root, 'self/status'));
    symlinkSync(readlinkSync('/proc/self/ns/pid'), join(root, 'self/ns/pid'));
    copyText('/proc/sys/kernel/random/boot_id', join(root, 'sys/kernel/random/boot_id'));
    return root;
  }

  /** Files in /proc have no size, so they cannot be copied as files. */
  function copyText(from: string, to: string): void {
    writeFileSync(to, readFileSync(from));
  }

  function probe(driver: LivenessDriver, pid: number, identity: string | null) {
    return probeProcess({ pid, processIdentity: identity }, { sharedPidNamespace: true, driver });
  }

  it('leaves a stamped run unknown and a bare pid alive', () => {
    const { pid } = startSleep();
    const driver = createLinuxDriver({ procRoot: emptyProc() });
    const liveness = probe(driver, pid, stampOf(pid));
    expect(liveness).toMatchObject({ state: 'unknown', proven: false });
    expect(liveness.evidence).toContain(`pid ${pid} exists, but its stamp cannot be compared (ENOENT`);
    expect(probe(driver, pid, forged(pid, { start: '1' }))).toMatchObject({ state: 'unknown' });
    expect(probe(driver, pid, null)).toMatchObject({ state: 'alive', proven: false });
    expect(processIdentity(pid, driver)).toBeNull();
  });

  it('does not keep a process alive that signal 0 cannot find', async () => {
    const { child, pid } = startSleep();
    const identity = stampOf(pid);
    await end(child);
    expect(probe(createLinuxDriver({ procRoot: emptyProc() }), pid, identity)).toMatchObject({
      state: 'dead',
    });
  });

  it.each(['', '71 (sleep', '71 (sleep) S 1', `71 (sleep) S ${'x '.repeat(40)}`])(
    'leaves a stamp unknown when the stat file says %j',
    (text) => {
      const { pid } = startSleep();
      const procRoot = emptyProc();
      mkdirSync(join(procRoot, String(pid)));
      writeFileSync(join(procRoot, String(pid), 'stat'), text);
      const driver = createLinuxDriver({ procRoot });
      const liveness = probe(driver, pid, stampOf(pid));
      expect(liveness).toMatchObject({ state: 'unknown' });
      expect(liveness.evidence).toContain('unexpected format');
      expect(probe(driver, pid, null)).toMatchObject({ state: 'alive', proven: false });
    },
  );

  it('leaves every stamp unknown, with the cause, only while the boot id cannot be read', () => {
    const { pid } = startSleep();
    const procRoot = emptyProc();
    const bootFile = join(procRoot, 'sys/kernel/random/boot_id');
    const driver = createLinuxDriver({ procRoot });
    writeFileSync(bootFile, '\n');
    const liveness = probe(driver, pid, stampOf(pid));
    expect(liveness).toMatchObject({ state: 'unknown' });
    expect(liveness.evidence).toContain('contains no boot id');
    copyText('/proc/sys/kernel/random/boot_id', bootFile);
    expect(probe(driver, pid, stampOf(pid)).evidence).toContain('its stamp cannot be compared');
  });

  it('writes no stamp and judges nothing if the time offset is that of the children', () => {
    const { pid } = startSleep();
    const procRoot = emptyProc();
    symlinkSync(`/proc/${pid}`, join(procRoot, String(pid)));
    const driver = createLinuxDriver({ procRoot });
    expect(probe(driver, pid, stampOf(pid))).toMatchObject({ state: 'alive', proven: true });
    expect(processIdentity(pid, driver)).toBe(stampOf(pid));

    symlinkSync('time:[1]', join(procRoot, 'self/ns/time'));
    symlinkSync('time:[2]', join(procRoot, 'self/ns/time_for_children'));
    const before = createLinuxDriver({ procRoot });
    const liveness = probe(before, pid, stampOf(pid));
    expect(liveness).toMatchObject({ state: 'unknown' });
    expect(liveness.evidence).toContain('is not that of its children');
    expect(probe(before, 2 ** 31 - 1, stampOf(pid))).toMatchObject({ state: 'unknown' });
    expect(processIdentity(pid, before)).toBeNull();
  });

  it.each(['', 'boottime', 'monotonic 0 0', 'boottime x 0'])('judges nothing by the offset %j', (text) => {
    const { pid } = startSleep();
    const procRoot = emptyProc();
    symlinkSync(`/proc/${pid}`, join(procRoot, String(pid)));
    writeFileSync(join(procRoot, 'self/timens_offsets'), text);
    const driver = createLinuxDriver({ procRoot });
    expect(probe(driver, pid, stampOf(pid))).toMatchObject({ state: 'unknown' });
    expect(processIdentity(pid, driver)).toBeNull();
  });

  it('leaves everything but absence unproven when it is not mounted at all', () => {
    const { pid } = startSleep();
    const driver = createLinuxDriver({ procRoot: '/nonexistent' });
    expect(probe(driver, pid, stampOf(pid))).toMatchObject({ state: 'unknown' });
    expect(probe(driver, pid, null)).toMatchObject({ state: 'alive', proven: false });
  });
});
