import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';

import { freePort } from '../../src/servers/free-port.js';
import type { ServerLog } from '../../src/servers/progress.js';
import type { ServerExit } from '../../src/servers/server-process.js';
import { startPostgres } from '../postgres.js';
import { startBalancer } from './balancer.js';
import { choosePorts, serverConfiguration, type Ports, type ServerAccess } from './configuration.js';
import { TemporalNode } from './node.js';
import { findServerPrograms } from './programs.js';
import { dropState, prepareState, stateOf } from './state.js';

/** Options of {@link startTemporalServer}. */
export interface TemporalServerOptions {
  /** Gets a line when something takes long. */
  readonly log: ServerLog;
  /** Names the state: a later server with the same name continues from it. @default a state that is removed with the server */
  readonly dbFile?: string | undefined;
  /** The Postgres server for the state. @default an embedded one, which is removed with the server; not with `dbFile` */
  readonly stateUrl?: string | undefined;
  /** @default a free one */
  readonly port?: number | undefined;
  /** Created if missing, with a retention of a day. @default 'default' */
  readonly namespace?: string | undefined;
  /** @default a file that is removed with the server */
  readonly logFile?: string | undefined;
  /** Who may call what. @default everybody may call everything */
  readonly access?: ServerAccess | undefined;
  /** How many processes, each of which runs all services. @default 1 */
  readonly processes?: number | undefined;
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** A running Temporal server. */
export interface RunningTemporalServer {
  /** `host:port` of the frontend, or of the load balancer before several. */
  readonly address: string;
  readonly namespace: string;
  readonly nodes: readonly TemporalNode[];
  /** Resolves when all processes have ended, with the end of the first. */
  readonly exited: Promise<ServerExit>;
  stop(): Promise<void>;
}

/** The servers of a cluster wait for each other for up to half a minute. */
const START_LIMIT_S = 120;
const PROBE_LIMIT_S = 5;
const RETENTION = '1 day';
/** gRPC status codes. */
const [NOT_FOUND, ALREADY_EXISTS] = [5, 6];

/**
 * Starts the Temporal server that production uses, on Postgres, in one process or several. It ends with this process, even if this
 * process is killed.
 *
 * @throws when its programs cannot be built, its databases cannot be created, or it does not answer in time
 */
export async function startTemporalServer(options: TemporalServerOptions): Promise<RunningTemporalServer> {
  const { log, dbFile, env = process.env, namespace = 'default', processes = 1 } = options;
  if (dbFile !== undefined && options.stateUrl === undefined)
    throw new Error('Expected stateUrl with dbFile, got none: the state must outlive the server. Give both.');
  const ends: (() => Promise<void>)[] = [];
  const end = async () => {
    // One after the other, the last one first: the servers still use their databases while they stop.
    for (const each of ends.reverse()) await each();
  };
  let ending: Promise<void> | undefined;
  const stop = () => (ending ??= end());
  try {
    const programs = await findServerPrograms({ env, log });
    const stateUrl = options.stateUrl ?? (await startOwnPostgres());
    const state = stateOf(stateUrl, dbFile);
    if (dbFile === undefined) ends.push(() => dropState(state));
    const isNew = await prepareState(programs.sqlTool, state);

    const nodes: TemporalNode[] = [];
    const ports: number[] = [];
    ends.push(async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    });
    const isReady = (n: number) =>
      nodes[n]?.ready(log, START_LIMIT_S, () =>
        serve({ address: `127.0.0.1:${ports[n]}`, token: options.access?.token }, namespace),
      );
    for (let n = 0; n < processes; n += 1) {
      const chosen = await portsOf(`${state.main} ${n}`, processes === 1 ? options.port : undefined);
      ports.push(chosen.frontend.grpc);
      const node = await TemporalNode.start({
        program: programs.server,
        configuration: serverConfiguration(state, chosen, options.access),
        env: serverEnvironment(env),
        logFile: options.logFile,
      });
      nodes.push(node);
      // Of two that find new databases at once, one fails.
      if (isNew) await isReady(n);
    }
    for (const n of nodes.keys()) await isReady(n);

    let port = ports[0] ?? 0;
    if (processes > 1) {
      port = options.port ?? (await freePort());
      const balancer = await startBalancer(port, ports);
      ends.push(() => balancer.stop());
    }
    const exits = Promise.all(nodes.map((node) => node.exited));
    const exited = exits.then(([exit = { code: undefined, signal: undefined }]) => exit);
    return { address: `127.0.0.1:${port}`, namespace, nodes, exited, stop };
  } catch (error) {
    await stop();
    throw error;
  }

  async function startOwnPostgres(): Promise<string> {
    const postgres = await startPostgres({ log, env: { ...env, DATABASE_ADMIN_URL: undefined } });
    ends.push(() => postgres.stop());
    return postgres.adminUrl;
  }
}

const portsByNode = new Map<string, Ports>();

/**
 * A server that continues from a state has the ports of the one before, as in production: otherwise it would first look for the
 * dead one for most of a minute.
 */
async function portsOf(node: string, frontend: number | undefined): Promise<Ports> {
  const ports = portsByNode.get(node) ?? (await choosePorts(frontend));
  portsByNode.set(node, ports);
  return ports;
}

/** Without the user's `TEMPORAL_*` variables, which would change our server. */
function serverEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

/**
 * Checks that a frontend reaches the other services, and creates the namespace if it is missing.
 *
 * @throws when it does not, or not yet
 */
async function serve(
  { address, token }: { address: string; token: string | undefined },
  namespace: string,
): Promise<void> {
  const metadata = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const connection = await Connection.connect({ address, metadata, connectTimeout: PROBE_LIMIT_S * 1000 });
  try {
    await connection.withDeadline(Date.now() + PROBE_LIMIT_S * 1000, async () => {
      const { workflowService } = connection;
      await unless(ALREADY_EXISTS, () =>
        workflowService.registerNamespace({
          namespace,
          workflowExecutionRetentionPeriod: msToTs(RETENTION),
        }),
      );
      // The first is answered by history, the second by matching.
      const execution = { workflowId: 'is anybody there?' };
      await unless(NOT_FOUND, () => workflowService.describeWorkflowExecution({ namespace, execution }));
      await workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: 'is-anybody-there' },
      });
    });
  } finally {
    await connection.close();
  }
}

async function unless(code: number, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if ((error as { code?: number }).code !== code) throw error;
  }
}
