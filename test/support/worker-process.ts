import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';

/** A worker that runs as a process of its own. */
export class WorkerProcess {
  /** What each line of its log says. */
  readonly lines: string[] = [];
  /** Everything that it printed, as it was printed. */
  printed = '';
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(env: Record<string, string>, module = 'worker-process.mjs') {
    const script = fileURLToPath(new URL(module, import.meta.url));
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(REAPER_|TEMPORAL_|DATABASE_|MERGE_|LEASE_|SELF_HOSTING_|TELEGRAM_)/.test(name),
    );
    this.#child = spawn(process.execPath, [script], {
      env: {
        ...Object.fromEntries(inherited),
        TEMPORAL_ADDRESS: inject('temporalAddress'),
        REAPER_INTERVAL_S: '0.3',
        REAPER_FINALIZE_GRACE_S: '2',
        REAPER_HOST: 'host-1',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#exited = once(this.#child, 'close');
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#keep(line));
    }
  }

  #keep(line: string): void {
    this.printed += `${line}\n`;
    this.lines.push(textOf(line));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** How many lines contain a text. */
  count(text: string): number {
    return this.lines.filter((line) => line.includes(text)).length;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for its end: an exit code, or the signal that ended it. */
  async end(): Promise<number | NodeJS.Signals | null> {
    await this.#exited;
    return this.#child.exitCode ?? this.#child.signalCode;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

function textOf(line: string): string {
  try {
    return (JSON.parse(line) as { msg: string }).msg;
  } catch {
    return line;
  }
}
