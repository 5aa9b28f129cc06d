import { execa } from 'execa';
import { makeControlGroup, removeControlGroups } from './control-groups.js';
import { missingPrograms } from './programs.js';

/**
 * What runs the containers: `running`, a daemon that this user can already reach; `own`, one that the check starts and stops; or
 * none, and why.
 */
export type Engine = { kind: 'running' | 'own' } | { kind: 'none'; why: string };

/** What a daemon of our own takes, by the Debian package that has it. */
const NEEDED: Record<string, string> = {
  docker: 'docker.io',
  dockerd: 'docker.io',
  debootstrap: 'debootstrap',
  iptables: 'iptables',
  slirp4netns: 'slirp4netns',
  unshare: 'util-linux',
  ip: 'iproute2',
};

/** Finds out how this machine can run containers, and starts nothing. */
export async function findEngine(): Promise<Engine> {
  const { failed } = await execa('docker', ['version'], { reject: false, timeout: 10_000 });
  if (!failed) return composeOr({ kind: 'running' });
  if (process.platform !== 'linux') return { kind: 'none', why: 'no Docker daemon answers' };
  if (process.getuid?.() !== 0) {
    return { kind: 'none', why: 'no Docker daemon answers, and only root can start one' };
  }
  const missing = await missingPrograms(Object.keys(NEEDED));
  const packages = [...new Set(missing.map((name) => NEEDED[name] ?? name))];
  if (packages.length > 0) {
    return {
      kind: 'none',
      why: `no Docker daemon answers, and to start one, install ${packages.join(', ')}`,
    };
  }
  const { failed: isForbidden } = await execa('unshare', ['--net', '--mount', '--pid', '--fork', 'true'], {
    reject: false,
    timeout: 10_000,
  });
  if (isForbidden) return { kind: 'none', why: 'no Docker daemon answers, and unshare is not permitted' };
  if (!canMakeControlGroups()) {
    return { kind: 'none', why: 'no Docker daemon answers, and no control groups can be made' };
  }
  return composeOr({ kind: 'own' });
}

function canMakeControlGroups(): boolean {
  const name = `job-reaper-check-${process.pid}`;
  try {
    makeControlGroup(name);
    return true;
  } catch {
    return false;
  } finally {
    removeControlGroups(name);
  }
}

async function composeOr(engine: Engine): Promise<Engine> {
  if ((await hasComposePlugin()) || (await missingPrograms(['apt-get', 'dpkg-deb'])).length === 0)
    return engine;
  return { kind: 'none', why: "there is neither docker compose nor apt to get Debian's" };
}

export async function hasComposePlugin(): Promise<boolean> {
  const { failed } = await execa('docker', ['compose', 'version'], { reject: false, timeout: 10_000 });
  return !failed;
}
