import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { ServerLog } from '../../src/servers/progress.js';
import { startServerProcess, type ServerExit, type ServerProcess } from '../../src/servers/server-process.js';
import { SERVICES } from './configuration.js';

/** How a node is started: the same each time. */
export interface NodeOptions {
  readonly program: string;
  /** See `serverConfiguration`. */
  readonly configuration: string;
  readonly env: NodeJS.ProcessEnv;
  /** @default a file that is removed with the process */
  readonly logFile: string | undefined;
}

/** One process of a Temporal server. It can be killed by its pid, and started again. */
export class TemporalNode {
  #serving = true;

  private constructor(
    private readonly options: NodeOptions,
    private running: ServerProcess,
  ) {
    this.#follow(running);
  }

  static async start(options: NodeOptions): Promise<TemporalNode> {
    return new TemporalNode(options, await startProcess(options));
  }

  get pid(): number {
    return this.running.pid;
  }

  /** Resolves when the process that runs now has ended. */
  get exited(): Promise<ServerExit> {
    return this.running.exited;
  }

  /** See {@link ServerProcess.ready}. */
  ready(log: ServerLog, timeoutS: number, probe: () => Promise<unknown>): Promise<void> {
    return this.running.ready(log, timeoutS, probe);
  }

  async kill(): Promise<void> {
    // The pid of one that is gone may be another's by now.
    if (this.#serving) process.kill(this.pid, 'SIGKILL');
    await this.exited;
    // Only its folder is left to remove.
    await this.stop();
  }

  /** To be called after {@link kill}. Does not wait until it serves. */
  async restart(): Promise<void> {
    this.running = await startProcess(this.options);
    this.#follow(this.running);
  }

  stop(): Promise<void> {
    return this.running.stop();
  }

  #follow(running: ServerProcess): void {
    this.#serving = true;
    void running.exited.then(() => {
      if (this.running === running) this.#serving = false;
    });
  }
}

async function startProcess({ program, configuration, env, logFile }: NodeOptions): Promise<ServerProcess> {
  // Only we can read it, because the configuration contains a password.
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-temporal-server-'));
  await mkdir(join(folder, 'config'));
  await writeFile(join(folder, 'config', 'development.yaml'), configuration);
  return startServerProcess({
    name: 'the Temporal server',
    file: program,
    args: [
      ...['--root', folder, '--allow-no-auth', 'start'],
      ...SERVICES.flatMap((service) => ['--service', service]),
    ],
    env,
    logFile: logFile ?? join(folder, 'server.log'),
    folder,
    stopSignal: 'TERM',
    orphanSignal: 'TERM',
  });
}
