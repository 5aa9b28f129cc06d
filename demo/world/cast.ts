import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Board, type Audience } from './board.js';
import { startCaretaker } from './caretaker.js';
import { endLaunched } from './end-launched.js';
import { demoEnvironment } from './environment.js';
import { startProcess, type DemoProcess } from './process.js';
import { TELEGRAM } from './telegram.js';
import type { World } from './world.js';

/** The host of the worker and two launchers, and one without a probe. */
export const HOSTS = { near: 'workshop', far: 'annex' } as const;

/** Short times, so that nobody has to wait. */
const WORKER_SETTINGS = {
  REAPER_HOST: HOSTS.near,
  REAPER_INTERVAL_S: '1',
  REAPER_DEAD_TICKS: '2',
  REAPER_FINALIZE_GRACE_S: '6',
};

/** Monitors merge into this repo under a lease. */
const LEASED_REPO = 'shop';

/** Monitors are busy for half of the grace. */
const FINALIZE_S = '3';

const LOG_LINES = 60;

const JOB_REAPER = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
const LAUNCHER = fileURLToPath(new URL('../launcher.js', import.meta.url));

/** The worker: workflows, and the probe of the near host. */
function startWorker({ servers, name, folder, logins, leases, telegram, pipeline }: World): DemoProcess {
  const env = demoEnvironment(servers, {
    ...WORKER_SETTINGS,
    REAPER_NAME: name,
    DATABASE_URL: logins.reaperUrl,
    REAPER_PIPELINE: pipeline,
    MERGE_LEASE_DIR: leases,
    MERGE_GATE_REPOS: LEASED_REPO,
    TELEGRAM_BOT_TOKEN: TELEGRAM.token,
    TELEGRAM_CHAT_ID: TELEGRAM.chat,
    TELEGRAM_BASE_URL: telegram.baseUrl,
  });
  return startProcess('worker', [JOB_REAPER, 'worker'], { folder, env });
}

/** What one launcher does. */
export interface LauncherPart {
  host: string;
  /** The agents whose jobs it takes. @default all */
  agents?: readonly string[];
}

/** A launcher with room for all jobs of the demo. */
function startLauncher(world: World, name: string, { host, agents }: LauncherPart): DemoProcess {
  const { servers, folder, logins, repository, signOffs, leases, pipeline } = world;
  const env = demoEnvironment(servers, {
    DATABASE_URL: logins.launcherUrl,
    REAPER_PIPELINE: pipeline,
    LAUNCHER_HOST: host,
    MERGE_LEASE_DIR: leases,
    MERGE_GATE_REPOS: LEASED_REPO,
    LAUNCHER_CONCURRENCY: '30',
    LAUNCHER_FINALIZE_S: FINALIZE_S,
    ...(agents && { LAUNCHER_AGENTS: agents.join(',') }),
    DEMO_REPOSITORY: repository,
    DEMO_SIGN_OFFS: signOffs,
  });
  return startProcess(name, [LAUNCHER], { folder, env });
}

/** All processes of the demo. */
export class Cast {
  readonly worker: DemoProcess;
  readonly board: Board;
  readonly #launchers: DemoProcess[] = [];
  readonly #caretaker;

  constructor(
    readonly world: World,
    audience: Audience,
  ) {
    this.#caretaker = startCaretaker(world.folder);
    this.worker = startWorker(world);
    this.#caretaker.mind(this.worker.pid);
    this.board = new Board(world.admin, this.#launchers, world.telegram.messages, audience);
  }

  addLauncher(name: string, part: LauncherPart): DemoProcess {
    const launcher = startLauncher(this.world, name, part);
    this.#caretaker.mind(launcher.pid);
    this.#launchers.push(launcher);
    return launcher;
  }

  /** The last lines of every process's log. */
  async logs(): Promise<string> {
    const logs = [this.worker, ...this.#launchers].map(async ({ name, logFile }) => {
      const lines = (await readFile(logFile, 'utf8')).trimEnd().split('\n');
      return [`--- ${name}`, ...lines.slice(-LOG_LINES)].join('\n');
    });
    return (await Promise.all(logs)).join('\n');
  }

  /** Ends the worker and the launchers, then the monitors, then the agents. */
  async end(): Promise<void> {
    await Promise.all([this.worker, ...this.#launchers].map((process) => process.stop()));
    endLaunched(this.#launchers.map(({ logFile }) => logFile));
    this.#caretaker.dismiss();
  }
}
