import { mkdir, mkdtemp } from 'node:fs/promises';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { freePort } from './free-port.js';
import type { ServerLog } from './progress.js';
import { startServerProcess, type ServerExit } from './server-process.js';
import { findTemporalCli } from './temporal-cli.js';
import { checkTemporal, existingTemporal } from './temporal-existing.js';

/** Options of {@link startTemporal}. All but `log` and `env` are for the embedded server only. */
export interface TemporalOptions {
  /** Gets a line when something takes long. */
  readonly log: ServerLog;
  /**
   * A SQLite file for the server's state, made if missing: a server started later with the same file goes on.
   *
   * @default state is kept in memory
   */
  readonly dbFile?: string | undefined;
  /** @default a free one */
  readonly port?: number | undefined;
  /** @default a free one */
  readonly uiPort?: number | undefined;
  /**
   * Made if missing.
   *
   * @default 'default'
   */
  readonly namespace?: string | undefined;
  /**
   * Gets the server's output, appended.
   *
   * @default a file that is removed with the server
   */
  readonly logFile?: string | undefined;
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** A Temporal server that answers. */
export interface TemporalServer {
  /** `host:port` of the frontend. */
  readonly address: string;
  readonly namespace: string;
  /** The Web UI; undefined for an existing server, whose UI may be anywhere. */
  readonly uiUrl: string | undefined;
  /** Undefined for an existing server. */
  readonly pid: number | undefined;
  /** Whether the server is ours. */
  readonly embedded: boolean;
  /** Resolves when the embedded server's process has ended, whoever ended it; else never. */
  readonly exited: Promise<ServerExit>;
  /** Ends the embedded server; nothing for an existing one. May be called again. */
  stop(): Promise<void>;
}

const START_LIMIT_S = 60;
const PROBE_LIMIT_S = 5;

/**
 * The Temporal server of `TEMPORAL_ADDRESS` if that is set, else an embedded dev server with its Web UI, on ports of
 * its own, so that any number of them run side by side. It ends with this process, even if that is killed.
 *
 * @throws when the existing server does not answer, no Temporal CLI can be had, or the embedded server does not
 *   answer within 60 s
 */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const { log, env = process.env, namespace = 'default' } = options;
  if (env['TEMPORAL_ADDRESS']?.trim()) return existingTemporal(env);

  const file = await findTemporalCli({ log, env });
  const port = options.port ?? (await freePort());
  const uiPort = options.uiPort ?? (await freePort());
  const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--namespace', namespace, '--log-level', 'error'];
  args.push('--port', String(port), '--ui-port', String(uiPort));
  args.push('--http-port', String(await freePort()), '--metrics-port', String(await freePort()));
  // A search attribute is usable as soon as it is registered. The default of newer CLIs; older ones on PATH need it.
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
  return { address, namespace, uiUrl, pid, embedded: true, exited, stop: () => server.stop() };
}

/** The user's Temporal profile and `TEMPORAL_*` variables are for clients and must not change our server. */
function serverEnvironment(env: NodeJS.ProcessEnv, home: string): NodeJS.ProcessEnv {
  const others = Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_'));
  return { ...Object.fromEntries(others), HOME: home, XDG_CONFIG_HOME: join(home, 'config') };
}

/** Fails at once while nothing listens, where a gRPC client would sit out its reconnect delay of a second. */
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
