import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { probeProcess, readPlace, type Place } from '../../src/liveness/index.js';
import { isLinux, isRoot, works } from './processes.js';
import { linuxStampOf, OTHER_BOOT } from './stamps.js';
import { runScript } from './subprocess.js';

const canMount =
  isLinux && isRoot && works('unshare', ['--mount', 'mount', '--bind', '/proc/uptime', '/proc/loadavg']);
const folder = mkdtempSync(join(tmpdir(), 'boot-'));
afterAll(() => rmSync(folder, { recursive: true }));

const IMPORTS = `
  import { spawn } from 'node:child_process';
  import { measureUptimes, probeProcess, processIdentity, readPlace } from './liveness/index.js';
  const probe = (pid, processIdentity) => probeProcess({ pid, processIdentity }, { sharedPidNamespace: true });
`;

/** Shadows a file of /proc for a command, in its own mount namespace and any others that are requested. */
function mounted(text: string | { from: string }, over: string, namespaces: string[] = []): string[] {
  const from = typeof text === 'string' ? join(folder, `file-${Math.random()}`) : text.from;
  if (typeof text === 'string') writeFileSync(from, text);
  const script = `mount --bind "${from}" "${over}" && exec "$@"`;
  return ['unshare', '--mount', ...namespaces, 'sh', '-c', script, 'sh'];
}

const BOOT_FILE = '/proc/sys/kernel/random/boot_id';
const CONTAINER = ['--pid', '--fork', '--mount-proc'];
const placeIn = (launcher: string[]) =>
  runScript(launcher, `${IMPORTS} console.log(JSON.stringify(readPlace()));`) as Place;

describe.skipIf(!canMount)(
  'a boot id that is not the kernel’s own (needs root and permission to mount)',
  () => {
    it('is read where a container manager mounts one, and proves no reboot: the run outside is unknown', () => {
      const script = `${IMPORTS}
      const child = spawn('sleep', ['300'], { stdio: 'ignore' });
      const identity = processIdentity(child.pid);
      console.log(JSON.stringify({ pid: child.pid, identity, inside: probe(child.pid, identity), outer: probe(child.pid, process.argv[2]) }));
      child.kill('SIGKILL');`;
      const outer = linuxStampOf(process.pid);
      const stamp = `linux:${outer.machineId}:${outer.bootId}:${outer.pidNamespace}:${outer.start}`;
      const seen = runScript(mounted(`${OTHER_BOOT}\n`, BOOT_FILE, CONTAINER), script, [stamp]) as {
        pid: number;
        identity: string;
      };
      // The machine id is the same in both.
      expect(seen.identity.startsWith(`linux:${outer.machineId}:${OTHER_BOOT}:`)).toBe(true);
      expect(seen).toMatchObject({
        inside: { state: 'alive', proven: true },
        outer: { state: 'unknown' },
      });
      const fromOutside = { pid: seen.pid, processIdentity: seen.identity };
      expect(probeProcess(fromOutside, { sharedPidNamespace: true })).toMatchObject({ state: 'unknown' });
    });

    it.skipIf(!isLinux || !readPlace().isInitial)(
      'does not count as the first pid namespace’s, whatever it is mounted from (needs the first pid namespace)',
      () => {
        expect(placeIn(['unshare', '--mount'])).toMatchObject({
          isInitial: true,
          bootId: readPlace().bootId,
        });
        expect(placeIn(mounted(`${OTHER_BOOT}\n`, BOOT_FILE))).toMatchObject({
          isInitial: false,
          bootId: OTHER_BOOT,
        });
        expect(placeIn(mounted(`${readPlace().bootId}\n`, BOOT_FILE))).toMatchObject({ isInitial: false });
        expect(placeIn(mounted({ from: '/proc/sys/kernel/random/uuid' }, BOOT_FILE))).toMatchObject({
          isInitial: false,
        });
      },
    );

    it('a nested pid namespace is not the first, even with the kernel’s own boot id', () => {
      expect(placeIn(['unshare', '--mount', ...CONTAINER])).toMatchObject({
        isInitial: false,
        bootId: linuxStampOf(process.pid).bootId,
      });
    });
  },
);

describe.skipIf(!canMount)(
  'an uptime that is mounted over, as lxcfs does (needs root and permission to mount)',
  () => {
    it('does not determine the kernel’s age', () => {
      const script = `${IMPORTS} console.log(JSON.stringify(measureUptimes())); process.exit();`;
      const { kernelS } = runScript([], script) as { kernelS: number };
      const inside = runScript(mounted('7.00 7.00\n', '/proc/uptime'), script) as { kernelS: number };
      expect(inside.kernelS).toBeGreaterThanOrEqual(kernelS);
    });
  },
);

describe.skipIf(!canMount)('another machine id (needs root and permission to mount)', () => {
  it('changes no verdict: neither the host’s id in a container nor another’s', () => {
    const script = `${IMPORTS} console.log(JSON.stringify(probe(Number(process.argv[2]), process.argv[3])));`;
    const { machineId, bootId, pidNamespace, start } = linuxStampOf(process.pid);
    const stamp = `linux:${machineId}:${bootId}:${pidNamespace}:${start}`;
    const launcher = mounted(`${'b'.repeat(32)}\n`, '/etc/machine-id');
    expect(runScript(launcher, script, [String(process.pid), stamp])).toMatchObject({
      state: 'alive',
      proven: true,
    });
  });
});
