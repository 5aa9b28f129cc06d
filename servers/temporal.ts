import { checkTemporal } from '../src/servers/check-temporal.js';
import { startDevServer, type DevServerOptions } from '../src/servers/dev-server.js';
import { reasonOf } from '../src/servers/progress.js';
import type { ServerExit } from '../src/servers/server-process.js';
import { readTemporalTarget } from '../src/temporal/read-target.js';
import type { TemporalNode } from './temporal-server/node.js';
import { startTemporalServer } from './temporal-server/start.js';

/** Options of {@link startTemporal}. All but `log` and `env` are only for the embedded server. */
export interface TemporalOptions extends DevServerOptions {
  /**
   * The Postgres server in which a `server` or `cluster` keeps its state; needed with `dbFile`.
   *
   * @default an embedded one, which is removed with the server
   */
  readonly stateUrl?: string | undefined;
}

/** A running Temporal server. */
export interface TemporalServer {
  /** `host:port` of the frontend. */
  readonly address: string;
  readonly namespace: string;
  /** The URL of the dev server's Web UI; undefined for others: an existing server's may be anywhere. */
  readonly uiUrl: string | undefined;
  /** Of the first process; undefined for an existing server. */
  readonly pid: number | undefined;
  /** The processes of a `server` or `cluster`; empty for others. */
  readonly nodes: readonly TemporalNode[];
  /** Whether we started the server. */
  readonly embedded: boolean;
  /** Resolves when the embedded server's process has ended, for whatever reason. Never resolves for an existing server. */
  readonly exited: Promise<ServerExit>;
  /** Stops the embedded server. Does nothing for an existing one. May be called again. */
  stop(): Promise<void>;
}

const ANSWER_S = 5;

/**
 * Connects to the Temporal server of `TEMPORAL_ADDRESS` if that is set, else starts an embedded one, of the kind that
 * `REAPER_TEST_TEMPORAL` names; see {@link KINDS}.
 *
 * @throws when the existing server does not answer, or for the reasons of {@link startDevServer} or {@link startTemporalServer}
 */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const { env = process.env } = options;
  if (env['TEMPORAL_ADDRESS']?.trim()) return existingTemporal(env);
  const kind = temporalKind(env);
  if (kind === 'dev') return { ...(await startDevServer(options)), nodes: [], embedded: true };
  const server = await startTemporalServer({ ...options, processes: kind === 'cluster' ? 2 : 1 });
  const { address, namespace, nodes } = server;
  return {
    address,
    namespace,
    uiUrl: undefined,
    pid: nodes[0]?.pid,
    nodes,
    embedded: true,
    exited: server.exited,
    stop: () => server.stop(),
  };
}

/** The dev server, the server that production uses in one process, or two of its processes behind a load balancer. */
const KINDS = ['dev', 'server', 'cluster'] as const;

/**
 * What `REAPER_TEST_TEMPORAL` says; the dev server if it is not set.
 *
 * @throws when it says anything else
 */
export function temporalKind(env: NodeJS.ProcessEnv): (typeof KINDS)[number] {
  const given = env['REAPER_TEST_TEMPORAL']?.trim() ?? '';
  const kind = KINDS.find((each) => each === (given === '' ? 'dev' : given));
  if (kind !== undefined) return kind;
  throw new Error(
    `Expected REAPER_TEST_TEMPORAL to be one of ${KINDS.join(', ')}, got \`${given}\`. Correct it, or unset it.`,
  );
}

/**
 * Connects to the server of `TEMPORAL_ADDRESS`, with the profile, TLS and API key of the other `TEMPORAL_*` variables.
 *
 * @throws when these are invalid, the server does not answer within 5 s, or it has no such namespace
 */
async function existingTemporal(env: NodeJS.ProcessEnv): Promise<TemporalServer> {
  const { connectionOptions, namespace } = readTemporalTarget(env);
  const { address: target = '127.0.0.1:7233', apiKey, tls, metadata } = connectionOptions;
  try {
    const options = {
      ...(apiKey !== undefined && { apiKey }),
      ...(tls !== undefined && { tls }),
      ...(metadata !== undefined && { metadata }),
    };
    await checkTemporal({ address: target, ...options }, namespace, ANSWER_S);
  } catch (error) {
    throw new Error(
      `Expected the Temporal server of TEMPORAL_ADDRESS=${target} to answer with namespace ${namespace}, got: ` +
        `${reasonOf(error)}. Start it, correct TEMPORAL_ADDRESS or TEMPORAL_NAMESPACE, or unset TEMPORAL_ADDRESS to use ` +
        'an embedded server.',
      { cause: error },
    );
  }
  return {
    address: target,
    namespace,
    uiUrl: undefined,
    pid: undefined,
    nodes: [],
    embedded: false,
    exited: new Promise(() => undefined),
    stop: () => Promise.resolve(),
  };
}
