import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { createLinuxDriver, probeProcess, readPlace, type LivenessDriver } from '../../src/liveness/index.js';
import type { Liveness, ProcessStamp } from '../../src/domain/liveness.js';
import { firstLine, isLinux, isRoot, start, until, works } from './processes.js';

/** A container, as far as pids go. */
export const CONTAINER = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
export const RECIPE = resolve('docs/recipes/identity.sh');

/** Whether this is root in the first pid namespace, and may create others. */
export const canNest =
  isLinux && isRoot && readPlace().isInitial && works('unshare', [...CONTAINER.slice(1), 'true']);
export const NEEDS = '(needs root in the first pid namespace, and unshare)';

/** A process in a pid namespace of its own, with the stamp that was made for it there. */
export interface Nested extends ProcessStamp {
  pid: number;
  processIdentity: string;
  /** Its pid out here. */
  hostPid: number;
  /** Its container's first process: a child of this one. */
  child: ChildProcess;
}

/** Ends a container with all that is in it, and waits until it is gone. */
export async function endContainer({ child, hostPid }: Nested): Promise<void> {
  const [inner] = childrenOf(child.pid ?? 0);
  if (inner !== undefined) process.kill(inner, 'SIGKILL');
  await until(() => !exists(hostPid) && child.exitCode !== null);
}

/**
 * Starts a process in a container. It makes its own stamp.
 *
 * @param depth of how many containers, one within the other
 * @param launcher what starts each container
 */
export async function startNested(depth = 1, launcher = CONTAINER): Promise<Nested> {
  return startScript(
    Array<string[]>(depth).fill(launcher).flat(),
    `echo "$$ $(sh ${RECIPE} $$)"; exec sleep 300`,
  );
}

/** Starts a shell script in containers that prints a pid and its stamp, and waits for this. */
export async function startScript(launcher: string[], script: string): Promise<Nested> {
  const { child } = start(launcher[0] ?? '', [...launcher.slice(1), 'sh', '-c', script]);
  const [pid = '', processIdentity = ''] = (await firstLine(child)).split(' ');
  const depth = launcher.filter((word) => word === 'unshare').length;
  const wanted = { pid: Number(pid), processIdentity };
  const hostPid = await until(() =>
    descendantsOf(child.pid ?? 0).find((one) => isIt(one, wanted.pid, depth)),
  );
  return { ...wanted, hostPid: hostPid ?? 0, child };
}

function isIt(hostPid: number, pid: number, depth: number): boolean {
  const pids = pidsOf(hostPid);
  return pids.length > 1 && pids.length <= depth + 2 && pids.slice(1).includes(pid);
}

/** A process's pids in each namespace, from the outermost. */
export function pidsOf(hostPid: number): number[] {
  try {
    const status = readFileSync(`/proc/${hostPid}/status`, 'latin1');
    return (/^NSpid:(.*)$/m.exec(status)?.[1] ?? '').trim().split(/\s+/).map(Number);
  } catch {
    return [];
  }
}

export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Those deepest down first. */
function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [...descendantsOf(child), child]);
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** One look at a process, as probes look. */
export async function lookAt(
  stamp: ProcessStamp,
  driver: LivenessDriver = createLinuxDriver(),
): Promise<Liveness> {
  return probeProcess(stamp, { sharedPidNamespace: false, driver: await driver.prepare([stamp]) });
}
