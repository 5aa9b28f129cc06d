import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cleanup } from '../../demo/world/cleanup.js';
import { environment } from './environment.js';
import { HostClock } from './host-clock.js';
import { LOGINS, loginUrl } from './logins.js';
import { TELEGRAM } from './people.js';
import { PostgresProxy } from './postgres-proxy.js';
import { Service } from './service.js';
import { unprivilegedUser } from './unprivileged-user.js';
import { Way } from './way.js';
import type { World } from './world.js';

export const HOSTS = { north: 'north', south: 'south' } as const;
export const REAPER_NAME = 'torture';
const LEASED_REPO = 'shop';

/** Seconds that monitors are busy before they finalize. In the south it is the whole grace, so that reaper and monitor race. */
const FINALIZE_S = { north: 0.3, south: 4 };

const JOB_REAPER = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
const LAUNCHER = fileURLToPath(new URL('../../demo/launcher.js', import.meta.url));
const AGENTS = fileURLToPath(new URL('../agents/agent.js', import.meta.url));

/** A service, and its own ways to Postgres and Temporal. */
export interface Tapped {
  service: Service;
  proxy: PostgresProxy;
  /** Unused by a launcher. */
  toTemporal: Way;
}

/** The processes under test. */
export interface Services {
  /** Workflows, and the probe of host north. */
  workers: Tapped[];
  /** The probe of host south, as another user where that is possible: it must not need to be root. */
  probes: Tapped[];
  /** One for each host. */
  launchers: Tapped[];
  /** What the processes of each host take for the time. */
  clocks: Record<keyof typeof HOSTS, HostClock>;
}

type Base = Pick<
  World,
  | 'seed'
  | 'folder'
  | 'terms'
  | 'postgres'
  | 'temporal'
  | 'databaseUrl'
  | 'gateDatabaseUrl'
  | 'people'
  | 'pipeline'
>;

/**
 * Makes the services, not started yet.
 *
 * @param endFleet ends what the launchers started, once they are gone
 * @param mind is told of each process that is started
 */
export async function createServices(
  base: Base,
  cleanup: Cleanup,
  endFleet: () => void,
  mind: (pid: number) => void,
): Promise<Services> {
  const { postgres, temporal, folder, databaseUrl, gateDatabaseUrl, pipeline } = base;
  const services: Tapped[] = [];
  const clocks = { north: new HostClock(folder, HOSTS.north), south: new HostClock(folder, HOSTS.south) };
  // Proxies are stopped last, because services still use Postgres while they stop.
  cleanup.add(() =>
    Promise.all(
      services.flatMap(({ proxy, toTemporal }) => [proxy.way, toTemporal]).map((way) => way.stop()),
    ),
  );
  cleanup.add(endFleet);
  cleanup.add(() => Promise.all(services.map(({ service }) => service.kill())));

  const make = async (
    name: string,
    argv: string[],
    login: string,
    settings: Record<string, string>,
    user?: { uid: number; gid: number },
  ): Promise<Tapped> => {
    const proxy = await PostgresProxy.to(postgres.port);
    const toTemporal = await Way.to(temporal.port);
    const env = environment(folder, {
      DATABASE_URL: proxy.way.through(loginUrl(databaseUrl, login)),
      TEMPORAL_ADDRESS: toTemporal.address,
      REAPER_PIPELINE: pipeline,
      REAPER_GATE_DATABASE_URL: gateDatabaseUrl,
      ...settings,
    });
    const tapped = {
      service: new Service(name, { argv, env, logFile: join(folder, `${name}.log`), user, onStart: mind }),
      proxy,
      toTemporal,
    };
    services.push(tapped);
    return tapped;
  };
  const leases = { MERGE_LEASE_DIR: join(folder, 'leases'), MERGE_GATE_REPOS: LEASED_REPO };
  const worker = (name: string) =>
    make(name, [JOB_REAPER, 'worker'], LOGINS.reaper, {
      ...reaperSettings(base),
      ...leases,
      ...clocks.north.env,
      REAPER_HOST: HOSTS.north,
    });
  const launcher = (host: keyof typeof HOSTS) =>
    make(`launcher-${host}`, [LAUNCHER], LOGINS.launcher, {
      // A lease is judged on the host of its holder, and the workers that have the folder are in the north.
      ...(host === 'north' ? leases : {}),
      ...clocks[host].env,
      LAUNCHER_HOST: host,
      LAUNCHER_FINALIZE_S: String(FINALIZE_S[host]),
      LAUNCHER_CONCURRENCY: '16',
      LAUNCHER_AGENTS_SCRIPT: AGENTS,
      TORTURE_FOLDER: folder,
      TORTURE_SEED: String(base.seed),
    });
  const probe = async () =>
    make(
      'probe',
      [JOB_REAPER, 'worker', '--no-workflows'],
      LOGINS.probe,
      { ...reaperSettings(base), ...clocks.south.env, REAPER_HOST: HOSTS.south },
      await unprivilegedUser(JOB_REAPER),
    );
  return {
    workers: [await worker('worker-1'), await worker('worker-2')],
    probes: [await probe()],
    launchers: [await launcher('north'), await launcher('south')],
    clocks,
  };
}

function reaperSettings({ terms, people }: Base): Record<string, string> {
  return {
    REAPER_NAME,
    REAPER_INTERVAL_S: String(terms.intervalS),
    REAPER_DEAD_TICKS: String(terms.deadTicks),
    REAPER_FINALIZE_GRACE_S: String(terms.graceS),
    REAPER_MAX_RUNNING_S: String(terms.ceilingS),
    // Both ways to watch have their turn: at times more jobs run than this, at times fewer.
    REAPER_WATCH_ALL_LIMIT: String(Math.min(8, terms.places)),
    REAPER_MAX_WATCHES: String(terms.places),
    REAPER_BATCH_ABOVE: String(terms.batchAbove),
    ...(terms.maxCrashes !== null && { REAPER_MAX_CRASHES: String(terms.maxCrashes) }),
    TELEGRAM_BOT_TOKEN: TELEGRAM.token,
    TELEGRAM_CHAT_ID: TELEGRAM.chat,
    TELEGRAM_BASE_URL: people.baseUrl,
    REAPER_WEBHOOK_URL: `${people.baseUrl}/webhook`,
  };
}
