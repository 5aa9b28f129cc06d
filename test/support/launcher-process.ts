import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LauncherEvent } from '../../demo/launcher/report.js';
import { killProcess } from '../../demo/world/kill-process.js';

const LAUNCHER = fileURLToPath(new URL('../../dist/demo/launcher.js', import.meta.url));

/** The built reference launcher as a separate process, with what it and its monitors report. */
export class LauncherProcess {
  readonly events: LauncherEvent[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;

  /**
   * @param entrance the command prefix that runs a command where the launcher should be, such as on a {@link Host}. Stop that host
   *   before waiting for the launcher's end
   */
  constructor(env: Record<string, string>, entrance: readonly string[] = []) {
    const words = [...entrance, process.execPath, LAUNCHER];
    this.#child = spawn(words[0] ?? '', words.slice(1), {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#closed = once(this.#child, 'close');
    if (this.#child.stdout) {
      createInterface({ input: this.#child.stdout }).on('line', (line) =>
        this.events.push(JSON.parse(line) as LauncherEvent),
      );
    }
  }

  /** SIGKILL to the launcher, then to its monitors, then to their agents. */
  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    for (const event of this.events) {
      if (event.event === 'took')
        killProcess({ pid: event.monitorPid, processIdentity: event.monitorIdentity });
    }
    // Monitors write to the same pipe: it closes when all of them are gone and everything is read.
    await this.#closed;
    for (const event of this.events) if (event.event === 'agent started') killProcess(event);
  }
}
