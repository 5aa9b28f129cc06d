import { messageOf } from '../domain/trouble.js';

/** Whether a process has this pid, and nothing else about it. */
export type Existence = { kind: 'absent' } | { kind: 'exists' } | { kind: 'unclear'; why: string };

const MAX_PID = 2 ** 31 - 1;

/** 0 and negative numbers name process groups, and fractions nothing: none of them is one process. */
export function isPid(pid: number | null): pid is number {
  return pid !== null && Number.isInteger(pid) && pid > 0 && pid <= MAX_PID;
}

/** Signal 0 asks whether the process could be signalled, and is never delivered. */
export function signalZero(pid: number): Existence {
  try {
    process.kill(pid, 0);
    return { kind: 'exists' };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ESRCH') return { kind: 'absent' };
    if (code === 'EPERM') return { kind: 'exists' };
    return { kind: 'unclear', why: `signal 0 to pid ${pid} failed: ${messageOf(error)}` };
  }
}
