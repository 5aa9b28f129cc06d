import { mkdir, mkdtemp } from 'node:fs/promises';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { checkTemporal } from './check-temporal.js';
import { freePort } from './free-port.js';
import type { ServerLog } from './progress.js';
import { startServerProcess, type ServerExit } from './server-process.js';
import { findTemporalCli } from './temporal-cli.js';

/** Options of {@link startDevServer}. */
export interface DevServerOptions {
  /** Gets a line when something takes long. */
  readonly log: ServerLog;
  /**
   * A SQLite file for the server's state, created if missing. A later server with the same file continues from it.
   *
   * @default the state is kept in memory
   */
  readonly dbFile?: string | undefined;
  /** @default a free one */
  readonly port?: number | undefined;
  /** @default a free one */
  readonly uiPort?: number | undefined;
  /**
   * Created if missing.
   *
   * @default 'default'
   */
  readonly namespace?: string | undefined;
  /**
   * The file to which the server's output is appended.
   *
   * @default a file that is removed with the server
   */
  readonly logFile?: string | undefined;
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** A running dev server. */
export interface DevServer {
  /** `host:port` of the frontend. */
  readonly address: string;
  readonly namespace: string;
  /** The URL of the Web UI. */
  readonly uiUrl: string;
  readonly pid: number;
  /** Resolves when the server's process has ended, for whatever reason. */
  readonly exited: Promise<ServerExit>;
  /** Stops the server. May be called again. */
  stop(): Promise<void>;
}

const START_LIMIT_S = 60;
const PROBE_LIMIT_S = 5;

/**
 * Starts a Temporal dev server with its Web UI. The ports are free ones unless given, so any number of servers can run side by
 * side. It ends with this process, even if this process is killed.
 *
 * @throws when no Temporal CLI can be found, or the server does not answer within 60 s
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const { log, env = process.env, namespace = 'default' } = options;
  const file = await findTemporalCli({ log, env });
  const port = options.port ?? (await freePort());
  const uiPort = options.uiPort ?? (await freePort());
  const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--namespace', namespace, '--log-level', 'error'];
  args.push('--port', String(port), '--ui-port', String(uiPort));
  args.push('--http-port', String(await freePort()), '--metrics-port', String(await freePort()));
  // Makes a search attribute usable as soon as it is registered. Newer CLIs do this by default; older ones on PATH need it.
  args.push('--dynamic-config-value', 'system.forceSearchAttributesCacheRefreshOnRead=true');
  if (options.dbFile !== undefined) {
    const dbFile = resolve(options.dbFile);
    await mkdir(dirname(dbFile), { recursive: true });
    args.push('--db-filename', dbFile);
  }

  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-temporal-'));
  const server = await startServerProcess({
    name: 'the Temporal dev server',
    file,
    args,
    env: serverEnvironment(env, folder),
    logFile: options.logFile ?? join(folder, 'server.log'),
    folder,
    stopSignal: 'TERM',
    orphanSignal: 'TERM',
  });
  const address = `127.0.0.1:${port}`;
  const uiUrl = `http://127.0.0.1:${uiPort}`;
  await server.ready(log, START_LIMIT_S, async () => {
    await accepts(port);
    await checkTemporal({ address }, namespace, PROBE_LIMIT_S);
    await checkUi(uiUrl);
  });
  const { pid, exited } = server;
  return { address, namespace, uiUrl, pid, exited, stop: () => server.stop() };
}

/** Without the user's Temporal profile and `TEMPORAL_*` variables: they are for clients and must not change our server. */
function serverEnvironment(env: NodeJS.ProcessEnv, home: string): NodeJS.ProcessEnv {
  const others = Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_'));
  return { ...Object.fromEntries(others), HOME: home, XDG_CONFIG_HOME: join(home, 'config') };
}

/** Fails immediately while nothing listens. A gRPC client would wait for its reconnect delay of a second. */
async function accepts(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

async function checkUi(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_LIMIT_S * 1000) });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`the Web UI answered HTTP ${response.status}`);
}
