import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { createGates, type GateInput, type GateResult, type GatesOptions } from '../../src/gates/index.js';
import type { GateSpec } from '../../src/domain/pipeline.js';

/** A job's data; a test overrides only what it is about. */
export function input(some: Partial<GateInput> = {}): GateInput {
  return { job: '7', stage: 'review', repo: 'shop', branch: 'feature/W-1', workItem: 'W-1', ...some };
}

/** Asks one gate; the gates are closed when the test is over, whatever its outcome. */
export async function check(
  spec: GateSpec,
  some: Partial<GateInput> = {},
  options: GatesOptions & { signal?: AbortSignal } = {},
): Promise<GateResult> {
  const gates = createGates(options);
  onTestFinished(() => gates.close());
  return gates.check(spec, input(some), options.signal ?? new AbortController().signal);
}

/** A folder that is removed when the test is over. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'gates-test-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Whether a process is running; a zombie is not. */
export function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    if (!existsSync('/proc/self/stat')) return true;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^ [ZX]/.test(stat.slice(stat.lastIndexOf(')') + 1));
  } catch {
    return false;
  }
}

/** Ends processes that a broken gate left behind. */
export function endedAfterwards(pids: readonly number[]): void {
  onTestFinished(() => {
    for (const pid of pids.filter(runs)) process.kill(pid, 'SIGKILL');
  });
}

/** Waits for something that must happen; if it never does, the test times out. */
export async function until<T>(look: () => T | Promise<T>): Promise<NonNullable<T>> {
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    await sleep(10);
  }
}

/** Waits for the pids that a script writes to a file. */
export async function pidsIn(file: string, count: number): Promise<number[]> {
  const pids = await until(() => {
    if (!existsSync(file)) return undefined;
    const text = readFileSync(file, 'utf8');
    const lines = text.endsWith('\n') ? text.trim().split('\n') : [];
    return lines.length >= count ? lines.map(Number) : undefined;
  });
  endedAfterwards(pids);
  return pids;
}
