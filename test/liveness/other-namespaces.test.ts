import { describe, expect, it } from 'vitest';
import { createPsDriver, probeProcess } from '../../src/liveness/index.js';
import { end, isLinux, isRoot, psField, start, startSleep, until, works } from './processes.js';
import { forged, linuxStampOf, stampOf } from './stamps.js';
import { runScript } from './subprocess.js';

const RENAMED = ['sh', '-c', 'hostname elsewhere && exec "$@"', 'sh'];
const UTS = ['unshare', '--uts', ...RENAMED];
/** Namespaces that change nothing of what a pid means: how to start a command in a new one. */
const NAMESPACES: [string, string[]][] = [
  ['uts, with another host name', UTS],
  ['user, as its root', ['unshare', '--user', '--map-root-user']],
  ['user, as nobody', ['unshare', '--user']],
  ['cgroup', ['unshare', '--cgroup']],
  ['ipc and net', ['unshare', '--ipc', '--net']],
  [
    'all of them',
    ['unshare', '--user', '--map-root-user', '--uts', '--cgroup', '--ipc', '--net', ...RENAMED],
  ],
];
/** What a rootless container is made of. */
const ROOTLESS = [
  'unshare',
  '--user',
  '--map-root-user',
  '--pid',
  '--fork',
  '--mount-proc',
  '--uts',
  '--cgroup',
];

const canUse = (launcher: string[]) =>
  isLinux && isRoot && works(launcher[0] ?? '', [...launcher.slice(1), 'true']);

const IMPORTS = `
  import { spawn } from 'node:child_process';
  import { createPsDriver, probeProcess, processIdentity } from './liveness/index.js';
  const probe = (pid, processIdentity, driver) => probeProcess({ pid, processIdentity }, { sharedPidNamespace: false, driver });
`;
const SCRIPT = `${IMPORTS}
  const [pid, stamp, reused, deadPid, dead] = process.argv.slice(2);
  console.log(JSON.stringify({
    stamp: processIdentity(Number(pid)),
    live: probe(Number(pid), stamp),
    reused: probe(Number(pid), reused),
    dead: probe(Number(deadPid), dead),
    unstamped: probe(Number(pid), null),
  }));`;

const probe = (pid: number, identity: string, driver?: ReturnType<typeof createPsDriver>) =>
  probeProcess(
    { pid, processIdentity: identity },
    { sharedPidNamespace: false, ...(driver ? { driver } : {}) },
  );

/** The stamp of a process that would have had this pid before. */
const before = (pid: number) => forged(pid, { start: String(Number(linuxStampOf(pid).start) - 100) });

async function startIn(launcher: string[]) {
  const started = start(launcher[0] ?? '', [...launcher.slice(1), 'sleep', '300']);
  await until(() => psField('comm', started.pid) === 'sleep');
  return started;
}

async function aDeadOne(launcher: string[]): Promise<{ pid: number; stamp: string }> {
  const { child, pid } = await startIn(launcher);
  const stamp = stampOf(pid);
  await end(child);
  return { pid, stamp };
}

describe.each(NAMESPACES)('another namespace: %s', (_, launcher) => {
  const suite = it.skipIf(!canUse(launcher));

  suite.each([
    ['outside', ['env']],
    ['inside', launcher],
  ])('of the probe changes no verdict on a process that is %s (needs root and unshare)', async (__, of) => {
    const { pid } = await startIn(of);
    const dead = await aDeadOne(of);
    const stamp = stampOf(pid);
    expect(
      runScript(launcher, SCRIPT, [String(pid), stamp, before(pid), String(dead.pid), dead.stamp]),
    ).toMatchObject({
      stamp,
      live: { state: 'alive', proven: true },
      reused: { state: 'dead', evidence: expect.stringContaining('reused') as string },
      dead: { state: 'dead', evidence: expect.stringContaining('absent') as string },
      unstamped: { state: 'alive', proven: false },
    });
  });

  suite('of the target changes no verdict of a probe outside, wherever it was stamped', async () => {
    const { child, pid } = await startIn(launcher);
    const { stamp } = runScript(launcher, SCRIPT, [String(pid)]) as { stamp: string };
    expect(stamp).toBe(stampOf(pid));
    expect(probe(pid, stamp)).toMatchObject({ state: 'alive', proven: true });
    expect(probe(pid, before(pid))).toMatchObject({ state: 'dead' });
    await end(child);
    expect(probe(pid, stamp)).toMatchObject({ state: 'dead' });
  });
});

describe.skipIf(!canUse(ROOTLESS))('a rootless container (needs root and unshare --user --pid)', () => {
  it('judges its own processes, and none outside, alive or dead; nor does a probe outside judge those inside', async () => {
    const { pid } = startSleep();
    const dead = await aDeadOne(['env']);
    const script = `${IMPORTS}
      const [pid, stamp, , deadPid, dead] = process.argv.slice(2);
      const child = spawn('sleep', ['300'], { stdio: 'ignore' });
      const identity = processIdentity(child.pid);
      console.log(JSON.stringify({
        pid: child.pid, identity, own: probe(child.pid, identity), live: probe(Number(pid), stamp), dead: probe(Number(deadPid), dead),
      }));
      child.kill('SIGKILL');`;
    const seen = runScript(ROOTLESS, script, [
      String(pid),
      stampOf(pid),
      '',
      String(dead.pid),
      dead.stamp,
    ]) as {
      pid: number;
      identity: string;
    };
    expect(seen).toMatchObject({
      own: { state: 'alive', proven: true },
      live: { state: 'unknown' },
      dead: { state: 'unknown' },
    });
    expect(probe(seen.pid, seen.identity)).toMatchObject({ state: 'unknown' });
  });
});

describe.skipIf(!canUse(UTS))(
  'stamps of ps, which name their host, and a real uts namespace (needs root and unshare)',
  () => {
    it('are unknown under another name of it, of a live process and of a dead one', async () => {
      const { child, pid } = startSleep();
      const driver = createPsDriver();
      const stamp = driver.identify(pid) ?? '';
      const script = `${IMPORTS}
      const [pid, stamp] = process.argv.slice(2);
      const driver = createPsDriver();
      const inside = driver.identify(Number(pid));
      console.log(JSON.stringify({ inside, own: inside && probe(Number(pid), inside, driver), other: probe(Number(pid), stamp, driver) }));`;
      const seen = runScript(UTS, script, [String(pid), stamp]) as { inside: string };
      expect(seen).toMatchObject({
        inside: expect.stringMatching(/^ps:elsewhere:/) as string,
        own: { state: 'alive', proven: true },
        other: { state: 'unknown' },
      });
      await end(child);
      expect(probe(pid, stamp, driver)).toMatchObject({ state: 'dead' });
      expect(probe(pid, seen.inside, driver)).toMatchObject({ state: 'unknown' });
      expect(runScript(UTS, script, [String(pid), stamp])).toMatchObject({ other: { state: 'unknown' } });
    });
  },
);
