import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const STEP_MS = 100;
const STEPS = 100;

/** Makes a control group of this name, with one below it for processes that are not in containers. Returns the latter's folder. */
export function makeControlGroup(name: string): string {
  // Groups of Kubernetes' pods must be there with every controller.
  for (const root of roots()) mkdirSync(join(root, name, 'pods'), { recursive: true });
  const folder = join(rootOfProcesses(), name, 'programs');
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Kills everything in the group of this name, so that nothing of it can live on. */
export async function killControlGroup(name: string): Promise<void> {
  const group = join(rootOfProcesses(), name);
  for (let step = 0; step < STEPS && pidsBelow(group).length > 0; step += 1) {
    for (const pid of pidsBelow(group)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    }
    await setTimeout(STEP_MS);
  }
}

/** Removes the groups of this name, which outlive their processes. */
export function removeControlGroups(name: string): void {
  for (const root of roots()) {
    const group = join(root, name);
    if (existsSync(group)) removeGroup(group);
  }
}

function removeGroup(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroup(join(group, entry.name));
  }
  rmdirSync(group);
}

/** The roots of all control groups: one, or with version 1 one for each controller. */
function roots(): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith('/sys/fs/cgroup'));
}

function rootOfProcesses(): string {
  const found = roots();
  return found.find((path) => path.endsWith('/pids')) ?? found[0] ?? '';
}

function pidsBelow(group: string): number[] {
  try {
    const own = readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    const below = readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...own, ...below.flatMap(({ name }) => pidsBelow(join(group, name)))];
  } catch {
    // There is none, or it has been removed meanwhile.
    return [];
  }
}
