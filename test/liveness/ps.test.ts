import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createPsDriver, probeProcess, processIdentity } from '../../src/liveness/index.js';
import { parseStamp } from '../../src/liveness/stamp.js';
import { end, isLinux, isRoot, PID_NOBODY_HAS, startSleep, startZombie, works } from './processes.js';
import { stampOf } from './stamps.js';
import { runScript } from './subprocess.js';

const hasPs = works('ps', ['-o', 'pid=', '-o', 'stat=', '-o', 'lstart=', '-p', String(process.pid)]);
const driver = createPsDriver();
const OTHER_START = 'Sat Jan  1 00:00:00 2000';

afterEach(() => void vi.unstubAllEnvs());

function probe(pid: number, identity: string | null, by = driver) {
  return probeProcess({ pid, processIdentity: identity }, { sharedPidNamespace: false, driver: by });
}

function psStampOf(pid: number): string {
  const text = processIdentity(pid, driver);
  expect(text).not.toBeNull();
  return text ?? '';
}

describe.skipIf(!hasPs)('a process seen through ps (needs ps with lstart)', () => {
  it('has a stamp that names this host and its start', () => {
    const { pid } = startSleep();
    const stamp = parseStamp(psStampOf(pid));
    expect(stamp).toMatchObject({ scheme: 'ps', host: hostname() });
    const startedAt = Date.parse(`${stamp?.start ?? ''} UTC`);
    expect(Math.abs(Date.now() - startedAt)).toBeLessThan(3_600_000);
  });

  it('has the same stamp whatever the language, time zone and ps settings of the caller', () => {
    const { pid } = startSleep();
    const before = psStampOf(pid);
    vi.stubEnv('TZ', 'Asia/Tokyo');
    vi.stubEnv('LC_ALL', 'de_DE.UTF-8');
    vi.stubEnv('PS_PERSONALITY', 'bsd');
    expect(psStampOf(pid)).toBe(before);
  });

  it('is asked for in the C locale and in UTC, whatever the machine’s default', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ps-'));
    const command = join(folder, 'ps');
    writeFileSync(command, '#!/bin/sh\n[ "$LC_ALL $TZ" = "C UTC" ] && exec ps "$@"\n', { mode: 0o755 });
    try {
      expect(processIdentity(process.pid, createPsDriver({ command }))).toBe(psStampOf(process.pid));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is proven alive when its stamp matches, even with the padded day squeezed', () => {
    const { pid } = startSleep();
    const identity = psStampOf(pid);
    expect(probe(pid, identity)).toMatchObject({ state: 'alive', proven: true });
    expect(probe(pid, identity.replace(/ +/g, ' '))).toMatchObject({ state: 'alive', proven: true });
  });

  it('is dead once it is gone, and its pid has no stamp', async () => {
    const { child, pid } = startSleep();
    const identity = psStampOf(pid);
    await end(child);
    const liveness = probe(pid, identity);
    expect(liveness).toMatchObject({ state: 'dead', evidence: `pid ${pid} absent on host ${hostname()}` });
    expect(processIdentity(pid, driver)).toBeNull();
  });

  it('is dead when its pid belongs to a process that started at another time', () => {
    const { pid } = startSleep();
    const liveness = probe(pid, `ps:${hostname()}:${OTHER_START}`);
    expect(liveness).toMatchObject({ state: 'dead', proven: false });
    expect(liveness.evidence).toContain('stamped start Sat Jan 1 00:00:00 2000, found ');
  });

  it('is defunct when it has exited and nobody collected it', async () => {
    const pid = await startZombie();
    expect(probe(pid, psStampOf(pid))).toMatchObject({ state: 'defunct', proven: false });
    expect(probe(pid, `ps:${hostname()}:${OTHER_START}`)).toMatchObject({ state: 'dead' });
  });

  it('is unknown when another host stamped it', () => {
    const liveness = probe(PID_NOBODY_HAS, `ps:other.local:${OTHER_START}`);
    expect(liveness).toMatchObject({ state: 'unknown' });
    expect(liveness.evidence).toContain('stamped on host other.local');
  });

  it.skipIf(!isLinux)('is unknown when its stamp is of the kind for /proc (needs /proc)', () => {
    const liveness = probe(PID_NOBODY_HAS, stampOf(process.pid));
    expect(liveness).toMatchObject({ state: 'unknown' });
    expect(liveness.evidence).toMatch(/expected a stamp ps:.*got one of kind linux/);
  });

  it('without a stamp is alive, never dead', () => {
    const { pid } = startSleep();
    expect(probe(pid, null)).toMatchObject({ state: 'alive', proven: false });
    expect(probe(PID_NOBODY_HAS, null)).toMatchObject({ state: 'unknown' });
  });

  it.skipIf(!isRoot)('of another user is proven alive (needs root, to become another user)', () => {
    const { pid } = startSleep();
    const script = `
      import { createPsDriver, probeProcess } from './liveness/index.js';
      process.setgroups([]); process.setgid(65534); process.setuid(65534);
      const [pid, processIdentity] = [Number(process.argv[2]), process.argv[3]];
      const options = { sharedPidNamespace: false, driver: createPsDriver() };
      console.log(JSON.stringify(probeProcess({ pid, processIdentity }, options)));`;
    expect(runScript([], script, [String(pid), psStampOf(pid)])).toMatchObject({
      state: 'alive',
      proven: true,
    });
  });
});

const named = (pid: number) => ({ pid, processIdentity: null });

describe.skipIf(!hasPs)('a batch seen through ps (needs ps with lstart)', () => {
  it('is asked for once, and judged as one by one', async () => {
    const [living, ended, reused] = [startSleep(), startSleep(), startSleep()];
    const zombie = await startZombie();
    const stamps = [
      { pid: living.pid, processIdentity: psStampOf(living.pid) },
      { pid: ended.pid, processIdentity: psStampOf(ended.pid) },
      { pid: reused.pid, processIdentity: `ps:${hostname()}:${OTHER_START}` },
      { pid: zombie, processIdentity: psStampOf(zombie) },
      { pid: null, processIdentity: null },
    ];
    await end(ended.child);
    const batch = await driver.prepare(stamps);
    // Without a way to find ps, only what was prepared can be known.
    vi.stubEnv('PATH', '/nonexistent');
    const states = stamps.map(
      (stamp) => probeProcess(stamp, { sharedPidNamespace: false, driver: batch }).state,
    );
    expect(states).toEqual(['alive', 'dead', 'dead', 'defunct', 'unknown']);
  });

  it('still sees that a process ended after it was prepared', async () => {
    const { child, pid } = startSleep();
    const identity = psStampOf(pid);
    const batch = await driver.prepare([named(pid)]);
    await end(child);
    expect(probe(pid, identity, batch)).toMatchObject({ state: 'dead' });
  });

  it('asks again for a process that was not prepared', async () => {
    const { pid } = startSleep();
    expect(probe(pid, psStampOf(pid), await driver.prepare([]))).toMatchObject({
      state: 'alive',
      proven: true,
    });
  });

  it('may be larger than one call of ps takes', async () => {
    const { pid } = startSleep();
    const many = Array.from({ length: 2500 }, (_, index) => PID_NOBODY_HAS - index);
    const batch = await driver.prepare([...many, pid].map(named));
    const identity = psStampOf(pid);
    vi.stubEnv('PATH', '/nonexistent');
    expect(probe(pid, identity, batch)).toMatchObject({ state: 'alive', proven: true });
  });
});

describe('a ps that does not answer', () => {
  it.each(['/nonexistent/ps', 'false', 'true'])(
    'leaves a stamped run unknown and a bare pid alive: %s',
    async (command) => {
      const { pid } = startSleep();
      const broken = createPsDriver({ command });
      for (const by of [broken, await broken.prepare([named(pid)])]) {
        const liveness = probe(pid, `ps:${hostname()}:${OTHER_START}`, by);
        expect(liveness).toMatchObject({ state: 'unknown' });
        expect(liveness.evidence).toContain(command);
        expect(probe(pid, null, by)).toMatchObject({ state: 'alive', proven: false });
      }
      expect(processIdentity(pid, broken)).toBeNull();
    },
  );
});
