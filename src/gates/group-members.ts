import { readdirSync, readFileSync } from 'node:fs';

/** State, parent and group, after the last parenthesis: a process may have any in its name. */
const STATE_AND_GROUP = /^ (\S) \d+ (\d+) /;

/**
 * Whether somebody of a process group still runs. The kernel keeps a group as long as it has a zombie, and where no
 * init collects them, as in many containers, that is for ever.
 *
 * @returns undefined where there is no `/proc` to tell
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
    // It ended between the two looks.
    return false;
  }
}
