import { readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { probeProcess } from '../../src/liveness/index.js';
import { isLinux, isRoot, start, startSleep, until, works } from './processes.js';
import { linuxStampOf, stampOf } from './stamps.js';
import { runScript } from './subprocess.js';

const NEW_NAMESPACE = ['unshare', '--pid', '--fork', '--mount-proc'];
const OLD_PROC = ['unshare', '--pid', '--fork'];
const canUnshare = isLinux && works('unshare', [...NEW_NAMESPACE.slice(1), 'true']);
const canHide =
  canUnshare && works('unshare', [...NEW_NAMESPACE.slice(1), 'mount', '-o', 'remount,hidepid=2', '/proc']);

const IMPORTS = `
  import { spawn, spawnSync } from 'node:child_process';
  import { probeProcess, processIdentity } from './liveness/index.js';
  const probe = (pid, processIdentity) => probeProcess({ pid, processIdentity }, { sharedPidNamespace: false });
  const becomeNobody = () => { process.setgroups([]); process.setgid(65534); process.setuid(65534); };
  const signalCode = (pid) => { try { process.kill(pid, 0); return null; } catch (error) { return error.code; } };
`;

/** The pid of the one child, or 0 while there is none. */
function childOf(parent: number): number {
  return Number(readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim());
}

describe.skipIf(!isLinux || !isRoot)('another user’s process (needs root, to become another user)', () => {
  it('can be proven alive although it must not be signalled', () => {
    const { pid } = startSleep();
    const script = `${IMPORTS}
      becomeNobody();
      const [pid, identity] = [Number(process.argv[2]), process.argv[3]];
      console.log(JSON.stringify({
        signal: signalCode(pid), stamped: probe(pid, identity), unstamped: probe(pid, null), stamp: processIdentity(pid),
      }));`;
    const identity = stampOf(pid);
    expect(runScript([], script, [String(pid), identity])).toMatchObject({
      signal: 'EPERM',
      stamped: { state: 'alive', proven: true },
      unstamped: { state: 'alive', proven: false },
      stamp: identity,
    });
  });
});

describe.skipIf(!canUnshare)('a real pid namespace (needs unshare --pid, and may create one)', () => {
  it('is told apart from inside and from outside', () => {
    const { pid } = startSleep();
    const script = `${IMPORTS}
      const child = spawn('sleep', ['300'], { stdio: 'ignore' });
      const inside = processIdentity(child.pid);
      console.log(JSON.stringify({
        pid: child.pid, inside, own: probe(child.pid, inside), outer: probe(${pid}, process.argv[2]),
      }));
      child.kill('SIGKILL');`;
    const outer = stampOf(pid);
    const seen = runScript(NEW_NAMESPACE, script, [outer]) as { pid: number; inside: string };
    expect(seen).toMatchObject({
      own: { state: 'alive', proven: true },
      outer: { state: 'unknown', proven: false },
    });
    expect(
      probeProcess({ pid: seen.pid, processIdentity: seen.inside }, { sharedPidNamespace: true }),
    ).toMatchObject({ state: 'unknown', proven: false });
  });

  it('does not let a /proc of the outer namespace say anything about the pids inside', () => {
    // Inside, this script is pid 1; the outer /proc shows an outer process as 1.
    const script = `${IMPORTS}
      const identity = process.argv[2];
      console.log(JSON.stringify({
        pid: process.pid,
        stamp: processIdentity(process.pid),
        unstamped: probe(process.pid, null),
        stamped: probe(process.pid, process.argv[2].replace('NAMESPACE', ownNamespace())),
      }));
      function ownNamespace() {
        return spawnSync('readlink', ['/proc/self/ns/pid'], { encoding: 'utf8' }).stdout.replace(/\\D/g, '');
      }`;
    const template = stampOf(1).replace(`:${linuxStampOf(1).pidNamespace}:`, ':NAMESPACE:');
    const seen = runScript(OLD_PROC, script, [template]);
    expect(seen).toMatchObject({
      pid: 1,
      stamp: null,
      unstamped: { state: 'alive', proven: false },
      stamped: { state: 'unknown', proven: false },
    });
    expect(JSON.stringify(seen)).toContain('shows another pid namespace');
  });

  it('is not what a child’s stamp names when the launcher is outside: its pid counts out here', async () => {
    const { pid: parent } = start('unshare', ['--pid', '--fork', '--kill-child', 'sleep', '300']);
    const child = await until(() => childOf(parent));
    expect(readlinkSync(`/proc/${child}/ns/pid`)).not.toBe(readlinkSync('/proc/self/ns/pid'));
    const stamp = { pid: child, processIdentity: stampOf(child) };
    expect(probeProcess(stamp, { sharedPidNamespace: false })).toMatchObject({
      state: 'alive',
      proven: true,
    });
  });
});

describe.skipIf(!canHide || !isRoot)('a real hidepid mount (needs root and unshare)', () => {
  it('hides whose pid it is, not that it exists', () => {
    const script = `${IMPORTS}
      const mounted = spawnSync('mount', ['-o', 'remount,hidepid=2', '/proc']);
      const child = spawn('sleep', ['300'], { stdio: 'ignore' });
      const identity = processIdentity(child.pid);
      becomeNobody();
      console.log(JSON.stringify({
        mounted: mounted.status, visible: identity !== null, signal: signalCode(child.pid),
        stamp: processIdentity(child.pid), stamped: probe(child.pid, identity), unstamped: probe(child.pid, null),
      }));
      process.exit();`;
    expect(runScript(NEW_NAMESPACE, script)).toMatchObject({
      mounted: 0,
      visible: true,
      signal: 'EPERM',
      stamp: null,
      stamped: { state: 'unknown', proven: false },
      unstamped: { state: 'alive', proven: false },
    });
  });
});
