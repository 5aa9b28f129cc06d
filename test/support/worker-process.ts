import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { childOf } from './host.js';

/** A worker that runs as a separate process. */
export class WorkerProcess {
  /** The message of each line of its log. */
  readonly lines: string[] = [];
  /** Everything that it printed. */
  printed = '';
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  /**
   * @param module a script for Node, or the words of another command
   * @param entrance the command prefix that runs a command where the worker should be, such as on a {@link Host}
   */
  constructor(
    env: Record<string, string>,
    module: string | readonly string[] = 'worker-process.mjs',
    readonly entrance: readonly string[] = [],
  ) {
    const command =
      typeof module === 'string'
        ? [process.execPath, fileURLToPath(new URL(module, import.meta.url))]
        : module;
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(REAPER_|TEMPORAL_|DATABASE_|MERGE_|LEASE_|SELF_HOSTING_|TELEGRAM_)/.test(name),
    );
    const words = [...entrance, ...command];
    this.#child = spawn(words[0] ?? '', words.slice(1), {
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

  /** By this machine's pids, wherever the worker is. */
  get pid(): number {
    const started = this.#child.pid ?? NaN;
    const pid = this.entrance.length === 0 ? started : childOf(started);
    if (pid === null) throw new Error('Expected a worker behind its entrance, got none');
    return pid;
  }

  /** How many lines contain a text. */
  count(text: string): number {
    return this.lines.filter((line) => line.includes(text)).length;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.entrance.length === 0) this.#child.kill(signal);
    else process.kill(this.pid, signal);
  }

  /** Waits for its end: an exit code, or the signal that ended it. */
  async end(): Promise<number | NodeJS.Signals | null> {
    await this.#exited;
    return this.#child.exitCode ?? this.#child.signalCode;
  }

  async kill(): Promise<void> {
    if (this.entrance.length > 0 && this.#child.exitCode === null && this.#child.signalCode === null) {
      this.signal('SIGKILL');
    }
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
