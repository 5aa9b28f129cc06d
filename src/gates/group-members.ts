import { readdirSync, readFileSync } from 'node:fs';

/** State, parent and group, after the last parenthesis: a process name may contain parentheses. */
const STATE_AND_GROUP = /^ (\S) \d+ (\d+) /;

/**
 * Whether any process of a process group is still running. The kernel keeps a group while it has a zombie. Where no init
 * collects zombies, as in many containers, that is forever.
 *
 * @returns undefined without `/proc`
 */
export function hasLiveMember(group: number): boolean | undefined {
  try {
    readFileSync('/proc/self/stat');
  } catch {
    return undefined;
  }
  return readdirSync('/proc').some((name) => /^\d+$/.test(name) && isLiveMember(name, group));
}

function isLiveMember(pid: string, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [, state = '', itsGroup] = STATE_AND_GROUP.exec(stat.slice(stat.lastIndexOf(')') + 1)) ?? [];
    return Number(itsGroup) === group && !'ZX'.includes(state);
  } catch {
    // It ended after the folder was listed.
    return false;
  }
}
