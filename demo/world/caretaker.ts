import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { processIdentity } from '../../src/liveness/index.js';
import type { KnownProcess } from './kill-process.js';

const SCRIPT = fileURLToPath(new URL('../caretaker.js', import.meta.url));

/** Ends the demo's processes and removes its folder if the demo itself is killed. */
export interface Caretaker {
  /** Must be called for each process that the demo starts. */
  mind(pid: number): void;
  /** Everything has been cleaned up. */
  dismiss(): void;
}

/** Starts a {@link Caretaker}: a process that notices our end by the end of its input, however we ended. */
export function startCaretaker(folder: string): Caretaker {
  const { stdin } = spawn(process.execPath, [SCRIPT, folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // A Ctrl-C in the terminal must not reach it.
    detached: true,
  });
  stdin.on('error', () => undefined);
  return {
    mind: (pid) => {
      const known: KnownProcess = { pid, processIdentity: processIdentity(pid) };
      stdin.write(`${JSON.stringify(known)}\n`);
    },
    dismiss: () => void stdin.end('"done"\n'),
  };
}
