import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';

/** How to start a {@link Service}. */
export interface ServiceOptions {
  /** Arguments of Node. */
  argv: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Gets its output, appended, over all its lives. */
  logFile: string;
  user?: { uid: number; gid: number } | undefined;
  /** Told of each process that it becomes. */
  onStart: (pid: number) => void;
}

/** A long-running process that dies and is started again, as by an init system. */
export class Service {
  #child: ChildProcess | null = null;
  #isMeantToEnd = false;
  #exited: Promise<unknown> = Promise.resolve();
  /** A fault is using it: no other fault may touch it meanwhile. */
  busy = false;
  /** Unintended exits, in words. */
  readonly deaths: string[] = [];

  constructor(
    readonly name: string,
    readonly options: ServiceOptions,
  ) {}

  get pid(): number | undefined {
    return this.isRunning ? this.#child?.pid : undefined;
  }

  get isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  start(): void {
    if (this.isRunning) return;
    const { argv, env, logFile, user, onStart } = this.options;
    const output = openSync(logFile, 'a');
    this.#child = spawn(process.execPath, argv, {
      env,
      stdio: ['ignore', output, output],
      detached: true,
      ...user,
    });
    closeSync(output);
    this.#child.on('error', () => undefined);
    if (this.#child.pid !== undefined) onStart(this.#child.pid);
    this.#isMeantToEnd = false;
    this.#exited = once(this.#child, 'exit').catch(() => undefined);
    this.#child.once('exit', (code, by) => {
      if (!this.#isMeantToEnd)
        this.deaths.push(`${this.name} ended with ${by ?? `exit code ${code}`}, see ${logFile}`);
    });
  }

  signal(signal: NodeJS.Signals): void {
    if (signal === 'SIGKILL' || signal === 'SIGTERM') this.#isMeantToEnd = true;
    if (this.isRunning) this.#child?.kill(signal);
  }

  async kill(): Promise<void> {
    if (!this.isRunning) return;
    this.signal('SIGKILL');
    await this.#exited;
  }
}
