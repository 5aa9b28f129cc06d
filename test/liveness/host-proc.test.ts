import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Liveness } from '../../src/domain/liveness.js';
import { parseStamp, whyNoHostProc, type View } from '../../src/liveness/index.js';
import { listProcesses } from '../../src/liveness/scan.js';
import { formatStamp } from '../../src/liveness/stamp.js';
import {
  canNest,
  CONTAINER,
  endContainer,
  lookAt,
  NEEDS,
  pidsOf,
  RECIPE,
  startNested,
  startScript,
  type Nested,
} from './nested.js';
import { end, isLinux, startSleep, until, works } from './processes.js';
import { stampOf } from './stamps.js';
import { runScript } from './subprocess.js';

const folder = mkdtempSync(join(tmpdir(), 'host-proc-'));
const MOUNT = join(folder, 'proc');
mkdirSync(MOUNT);
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true }));

const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
const NO_PTRACE = ['setpriv', '--bounding-set=-sys_ptrace', '--inh-caps=-sys_ptrace'];
const TRACING_NOBODY = [...NOBODY, '--inh-caps=+sys_ptrace', '--ambient-caps=+sys_ptrace'];
const can = (launcher: string[]) => canNest && works(launcher[0] ?? '', [...launcher.slice(1), 'true']);
const SHIFT_S = 100_000;
const SHIFTED = ['unshare', '--time', '--fork', '--boottime', String(SHIFT_S)];
const SHIFTED_CONTAINER = [...CONTAINER, '--time', '--boottime', String(SHIFT_S)];

/** Starts what follows in its own mount namespace, after a mount. */
const mounted = (mount: string, rest: string[] = []) => [
  'unshare',
  '--mount',
  'sh',
  '-c',
  `${mount} && exec "$@"`,
  'sh',
  ...rest,
];
/** A mount of this namespace's processes, as from a hostPath volume, and a container with its own. */
const POD = mounted(`mount --bind /proc ${MOUNT}`, CONTAINER);

const IMPORTS = `
  import { spawn } from 'node:child_process';
  import { createLinuxDriver, measureUptimes, probeProcess, readView, whyNoHostProc } from './liveness/index.js';
  const [hostProc, ...stamps] = process.argv.slice(2);
  const named = (text) => ({ pid: Number(text.split(' ')[0]), processIdentity: text.split(' ')[1] });
  const driver = createLinuxDriver({ hostProc });
  const look = async (text, by = driver) =>
    probeProcess(named(text), { sharedPidNamespace: false, driver: await by.prepare([named(text)]) });
`;
const LOOK = `${IMPORTS}
  const seen = [];
  for (const text of stamps) seen.push(await look(text));
  console.log(JSON.stringify({ seen, view: readView(hostProc) }));`;

interface Looked {
  seen: Liveness[];
  view: View;
}

const named = ({ pid, processIdentity }: { pid: number; processIdentity: string }) =>
  `${pid} ${processIdentity}`;

/** Without rights, a process cannot be told from one that has its pid and start. */
async function startLaterThan(other: Nested): Promise<Nested> {
  for (;;) {
    const nested = await startNested();
    if (Math.abs(startOf(nested) - startOf(other)) > 1) return nested;
  }
}

const startOf = ({ processIdentity }: Nested) => Number(processIdentity.split(':').at(-1));

/** What a probe in other circumstances sees of a process that lives and one that is gone. */
/** What is in doubt for a moment only. */
const PASSING = /processes can be missing: process \d+|has its pid, and its time namespace/;

async function lookFrom(
  launcher: string[],
  hostProc: string,
  options: { live?: Nested; dead?: Nested } = {},
) {
  const live = options.live ?? (await startNested());
  const dead = options.dead ?? (await startLaterThan(live));
  if (options.dead === undefined) await endContainer(dead);
  const look = () => runScript(launcher, LOOK, [hostProc, named(live), named(dead)]) as Looked;
  let looked = look();
  // Other tests start and end processes meanwhile, and one that ends in the middle of a list can leave a doubt.
  for (let n = 0; n < 5 && looked.seen.some(({ evidence }) => PASSING.test(evidence)); n += 1)
    looked = look();
  const [ofLive, ofDead] = looked.seen;
  return { live: ofLive, dead: ofDead, view: looked.view };
}

describe.skipIf(!canNest)(`a probe in a pod with a mount of the host's /proc ${NEEDS}`, () => {
  it('judges processes of other namespaces, of the first one and of its own', async () => {
    expect(await lookFrom(POD, MOUNT)).toMatchObject({
      live: { state: 'alive', proven: true, evidence: expect.stringContaining(`of ${MOUNT}`) as string },
      dead: { state: 'dead' },
      view: { isInitial: true, hidden: null, canTrace: true },
    });
    const sleep = startSleep();
    const gone = startSleep();
    const stamps = [sleep, gone].map(({ pid }) => `${pid} ${stampOf(pid)}`);
    await end(gone.child);
    const script = `${IMPORTS}
      const child = spawn('sleep', ['300'], { stdio: 'ignore' });
      const own = child.pid + ' ' + driver.identify(child.pid);
      const seen = [await look(stamps[0]), await look(stamps[1]), await look(own)];
      child.kill('SIGKILL');
      await new Promise((done) => child.on('exit', done));
      console.log(JSON.stringify({ seen: [...seen, await look(own)] }));`;
    expect(runScript(POD, script, [MOUNT, ...stamps])).toMatchObject({
      seen: [
        { state: 'alive', proven: true },
        { state: 'dead' },
        { state: 'alive', proven: true },
        { state: 'dead' },
      ],
    });
  });

  it('speaks for the machine: it reports the first namespace, and itself and pid 1 as they are there', () => {
    const script = `${IMPORTS}
      const { pidNamespace, isInitial } = driver.place();
      const self = driver.inPlace('self');
      const { pid1S, kernelS } = measureUptimes(driver);
      console.log(JSON.stringify({ pidNamespace, isInitial, own: process.pid, self, again: driver.inPlace(self.pid), ages: kernelS - pid1S,
        gone: driver.inPlace(2 ** 31 - 1) }));
      process.exit();`;
    const seen = runScript(POD, script, [MOUNT]) as { own: number; self: { pid: number }; ages: number };
    expect(seen).toMatchObject({
      pidNamespace: '4026531836',
      isInitial: true,
      self: { kind: 'present', pid: expect.any(Number) as number },
      gone: { kind: 'absent' },
    });
    expect(seen).toMatchObject({ again: seen.self });
    expect(seen.self.pid).not.toBe(seen.own);
    const [, startOfInit = ''] =
      /\) \S+ (?:\S+ ){18}(\d+)/.exec(readFileSync('/proc/1/stat', 'latin1')) ?? [];
    expect(Math.round(seen.ages * 100)).toBe(Number(startOfInit));
  });

  it('proves nothing of other namespaces without it, only that its own descendants live', async () => {
    // Its namespace goes on, so that the probe's does not get its number.
    const dead = await startScript(
      CONTAINER,
      `sleep 300 & echo "$! $(sh ${RECIPE} $!)"; wait; exec sleep 300`,
    );
    process.kill(dead.hostPid, 'SIGKILL');
    await until(() => pidsOf(dead.hostPid).length === 0);
    expect(await lookFrom(CONTAINER, '/proc', { dead })).toMatchObject({
      live: { state: 'unknown' },
      dead: { state: 'unknown', evidence: expect.stringContaining('first pid namespace') as string },
      view: { isInitial: false },
    });
    const script = `${IMPORTS}
      const container = spawn('unshare', ['--pid', '--fork', '--mount-proc', '--kill-child', 'sh', '-c',
        'echo "$$ $(sh ' + stamps[0] + ' $$)"; exec sleep 300'], { stdio: ['ignore', 'pipe', 'inherit'] });
      const text = await new Promise((said) => container.stdout.once('data', (data) => said(String(data).trim())));
      const live = await look(text);
      container.kill('SIGKILL');
      await new Promise((done) => container.on('close', done));
      let dead = live;
      // Until the first process here has collected it.
      while (dead.state === 'alive' || dead.state === 'defunct') dead = await look(text);
      console.log(JSON.stringify({ live, dead }));`;
    const collecting = [...CONTAINER, 'sh', '-c', '"$@"; exit $?', 'sh'];
    expect(runScript(collecting, script, ['/proc', RECIPE])).toMatchObject({
      live: { state: 'alive', proven: true },
      dead: { state: 'unknown' },
    });
  });
});

describe.skipIf(!can(NOBODY) || !can(NO_PTRACE))(
  `a probe with fewer rights ${NEEDS.replace(')', ', and setpriv)')}`,
  () => {
    it.each([
      ['another user', NOBODY],
      ['root', NO_PTRACE],
    ])('%s without CAP_SYS_PTRACE proves deaths, and no life', async (_, launcher) => {
      // Its process belongs to another user, or to one with more rights.
      const { live, dead, view } = await lookFrom(launcher, '/proc');
      expect({ live, dead, view }).toMatchObject({
        live: { state: 'unknown', evidence: expect.stringContaining('namespace cannot be read') as string },
        dead: { state: 'dead' },
        view: { isInitial: true, hidden: null, canTrace: false },
      });
    });

    it('another user with CAP_SYS_PTRACE proves both', async () => {
      expect(await lookFrom(TRACING_NOBODY, '/proc')).toMatchObject({
        live: { state: 'alive', proven: true },
        dead: { state: 'dead' },
        view: { canTrace: true },
      });
    });

    it('root of another user namespace has no capability that counts', async () => {
      const launcher = ['unshare', '--user', '--map-root-user'];
      expect(await lookFrom(launcher, '/proc')).toMatchObject({
        live: { state: 'unknown' },
        dead: { state: 'dead' },
        view: { canTrace: false },
      });
    });
  },
);

describe.skipIf(!can(NO_PTRACE) || !can(mounted(`mount -t proc -o hidepid=2 proc ${MOUNT}`)))(
  `a /proc with hidepid ${NEEDS.replace(')', ', and a mount with hidepid)')}`,
  () => {
    it.each([1, 2, 4])(
      '%i proves no death without CAP_SYS_PTRACE, and everything with it',
      async (hidepid) => {
        const hidden = mounted(`mount -t proc -o hidepid=${hidepid} proc ${MOUNT}`);
        expect(await lookFrom(hidden, MOUNT)).toMatchObject({
          live: { state: 'alive', proven: true },
          dead: { state: 'dead' },
        });
        for (const rights of [NO_PTRACE, NOBODY]) {
          const { live, dead, view } = await lookFrom([...hidden, ...rights], MOUNT);
          expect([live?.state, dead?.state]).toEqual(['unknown', 'unknown']);
          expect(view.hidden ?? 'hidden').toContain('hid');
        }
      },
    );

    it('hides from the file that it is mounted over, too, and from the last mount of several', async () => {
      const twice = mounted(`mount -t proc -o hidepid=2 proc /proc && mount -t proc -o hidepid=2 proc /proc`);
      expect(await lookFrom([...twice, ...NO_PTRACE], '/proc')).toMatchObject({
        live: { state: 'unknown' },
        dead: { state: 'unknown' },
      });
    });

    it('never makes a live process dead while the reader loses its rights', async () => {
      const live = await startNested();
      const script = `${IMPORTS}
        const states = [];
        const looks = [look(stamps[0])];
        await new Promise((turn) => setImmediate(turn));
        process.setgroups([]); process.setgid(65534); process.setuid(65534);
        looks.push(look(stamps[0]), look(stamps[0], createLinuxDriver({ hostProc })));
        for (const { state } of await Promise.all(looks)) states.push(state);
        console.log(JSON.stringify(states));`;
      const hidden = mounted(`mount -t proc -o hidepid=2 proc ${MOUNT}`);
      for (let n = 0; n < 5; n += 1) {
        const [first, ...others] = runScript(hidden, script, [MOUNT, named(live)]) as string[];
        expect(['alive', 'unknown']).toContain(first);
        expect(others).not.toContain('dead');
      }
    });
  },
);

describe.skipIf(!can(SHIFTED) || !can(SHIFTED_CONTAINER))(
  `time namespaces ${NEEDS.replace(')', ' --time)')}`,
  () => {
    it('of the probe change nothing', async () => {
      expect(await lookFrom(SHIFTED, '/proc')).toMatchObject({
        live: { state: 'alive', proven: true },
        dead: { state: 'dead' },
      });
    });

    it('of the process change nothing, unless its stamp was made by a version that did not subtract the offset', async () => {
      const live = await startNested(1, SHIFTED_CONTAINER);
      const dead = await startNested(1, SHIFTED_CONTAINER);
      await endContainer(dead);
      expect(await lookFrom(['env'], '/proc', { live, dead })).toMatchObject({
        live: { state: 'alive', proven: true },
        dead: { state: 'dead' },
      });
      const stamp = parseStamp(live.processIdentity);
      if (stamp?.scheme !== 'linux') throw new Error('Expected a stamp');
      const older = formatStamp({ ...stamp, start: String(Number(stamp.start) + 100 * SHIFT_S) });
      const liveness = await lookAt({ pid: live.pid, processIdentity: older });
      expect(liveness).toMatchObject({ state: 'unknown' });
      expect(liveness.evidence).toContain('its time namespace shifts its start');
      await endContainer(live);
      expect(await lookAt({ pid: live.pid, processIdentity: older })).toMatchObject({ state: 'dead' });
    });

    it('and an uptime that lies change nothing', async () => {
      writeFileSync(join(folder, 'uptime'), '7.00 7.00\n');
      expect(await lookFrom(mounted(`mount --bind ${folder}/uptime /proc/uptime`), '/proc')).toMatchObject({
        live: { state: 'alive', proven: true },
        dead: { state: 'dead' },
      });
    });
  },
);

describe.skipIf(!canNest)(`what REAPER_PROC names ${NEEDS}`, () => {
  const whyFrom = (launcher: string[], path: string) =>
    runScript(launcher, `${IMPORTS} console.log(JSON.stringify(whyNoHostProc(hostProc)));`, [path]);

  it('is a mount of the host’s /proc, from wherever', () => {
    expect(whyNoHostProc('/proc')).toBeNull();
    expect(whyFrom(POD, MOUNT)).toBeNull();
  });

  it('is nothing else', () => {
    expect(whyNoHostProc(folder)).toContain('not a mount of proc');
    expect(whyNoHostProc('/nonexistent')).toContain('ENOENT');
    expect(whyFrom(CONTAINER, '/proc')).toContain('no kernel thread');
    expect(whyFrom(mounted(`mount -t proc -o subset=pid proc ${MOUNT}`), MOUNT)).toContain('boot_id');
    expect(whyFrom([...mounted(`mount -t proc -o hidepid=2 proc ${MOUNT}`), ...NOBODY], MOUNT)).toContain(
      'hidepid',
    );
  });

  it.skipIf(!can(mounted(`mount --bind ${folder} /proc/1`)))(
    'proves no death while something is mounted over a process',
    async () => {
      const live = await startNested();
      for (const over of [folder, '/proc/1']) {
        const seen = await lookFrom(mounted(`mount --bind ${over} /proc/${live.hostPid}`), '/proc', { live });
        expect(seen).toMatchObject({ live: { state: 'unknown' }, dead: { state: 'unknown' } });
      }
    },
  );

  it('proves no death if another one is mounted there in the middle of a list', async () => {
    const live = await startNested();
    const script = `${IMPORTS}
      import { execFileSync } from 'node:child_process';
      const looks = [look(stamps[0])];
      await new Promise((turn) => setImmediate(turn));
      execFileSync('mount', ['--bind', '/proc', hostProc]);
      looks.push(look(stamps[0]));
      console.log(JSON.stringify((await Promise.all(looks)).map(({ state }) => state)));`;
    for (let n = 0; n < 3; n += 1) {
      const states = runScript(POD, script, [MOUNT, named(live)]) as string[];
      expect(states).not.toContain('dead');
    }
  });

  it('says nothing of a boot that is not its own, as of a container that has one', async () => {
    const other = '00000000-0000-4000-8000-000000000001';
    writeFileSync(join(folder, 'other_boot'), `${other}\n`);
    const mount = `mount --bind ${folder}/other_boot /proc/sys/kernel/random/boot_id && exec "$@"`;
    const launcher = [...POD, 'sh', '-c', mount, 'sh'];
    expect(whyFrom(launcher, MOUNT)).toContain(`this process's /proc shows boot ${other}`);
    const nested = await startNested();
    const stamp = parseStamp(nested.processIdentity);
    if (stamp?.scheme !== 'linux') throw new Error('Expected a stamp');
    const elsewhere = formatStamp({ ...stamp, bootId: other, start: '1' });
    const script = `${IMPORTS}
      console.log(JSON.stringify({ seen: await look(stamps[0]), place: driver.place() }));`;
    expect(runScript(launcher, script, [MOUNT, `${nested.pid} ${elsewhere}`])).toMatchObject({
      seen: { state: 'unknown', evidence: expect.stringContaining(`${MOUNT} shows boot`) as string },
      place: { bootId: other, isInitial: false },
    });
  });

  it('proves no death if the boot id there is not the kernel’s own', async () => {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
    writeFileSync(join(folder, 'boot_id'), boot);
    const file = `${MOUNT}/sys/kernel/random/boot_id`;
    const launcher = mounted(`mount --bind /proc ${MOUNT} && mount --bind ${folder}/boot_id ${file}`);
    expect(await lookFrom(launcher, MOUNT)).toMatchObject({
      live: { state: 'alive' },
      dead: { state: 'unknown' },
      view: { isInitial: false },
    });
  });
});

describe.skipIf(!isLinux)('a list of processes', () => {
  /** A /proc whose one process is listed, with these files. */
  function procOf(files: Record<string, string | null>): string {
    const root = mkdtempSync(join(folder, 'listed-'));
    mkdirSync(join(root, 'sys/kernel/random'), { recursive: true });
    writeFileSync(join(root, 'sys/kernel/random/boot_id'), readFileSync('/proc/sys/kernel/random/boot_id'));
    symlinkSync(String(process.pid), join(root, 'self'));
    symlinkSync(`/proc/${process.pid}`, join(root, String(process.pid)));
    mkdirSync(join(root, '77'));
    for (const [name, text] of Object.entries(files)) {
      if (text === null) mkdirSync(join(root, '77', name));
      else writeFileSync(join(root, '77', name), text);
    }
    return root;
  }
  const stat = readFileSync('/proc/self/stat', 'latin1');

  it.each([
    ['whose stat is refused, as a security module does it', { stat: null, status: 'NStgid:\t77\n' }],
    ['whose status is refused', { stat, status: null }],
    ['whose status does not say its pids in all namespaces', { stat, status: 'Name:\tx\nPid:\t77\n' }],
    ['whose stat says nothing', { stat: '77 (x) S', status: 'NStgid:\t77\n' }],
    ['whose files are those of another one', { stat, status: 'NStgid:\t78\t1\n' }],
    ['that is listed and has no files, as one that something is mounted over', {}],
  ])('is not complete with a process %s', async (_, files) => {
    const { incomplete } = await listProcesses(procOf(files));
    expect(incomplete).toMatch(/^process 77 of /);
  });

  it('knows a process by the pids of all its threads', async () => {
    // As while its second thread executes a new program: the files are still those of its first one, which has got the second one's pid.
    const files = { stat, status: 'NStgid:\t77\t5\nNSpid:\t78\t6\n' };
    const { incomplete, withPid } = await listProcesses(procOf(files));
    // Nothing is mounted there.
    expect(incomplete).toContain('mountinfo');
    expect(withPid(5)).toMatchObject([{ pids: [77, 5] }]);
    expect(withPid(6)).toEqual([]);
  });
});
