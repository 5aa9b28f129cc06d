import { checkTemporal } from '../src/servers/check-temporal.js';
import { startDevServer, type DevServerOptions } from '../src/servers/dev-server.js';
import { reasonOf } from '../src/servers/progress.js';
import type { ServerExit } from '../src/servers/server-process.js';
import { readTemporalTarget } from '../src/temporal/read-target.js';

/** Options of {@link startTemporal}. All but `log` and `env` are only for the embedded server. */
export type TemporalOptions = DevServerOptions;

/** A running Temporal server. */
export interface TemporalServer {
  /** `host:port` of the frontend. */
  readonly address: string;
  readonly namespace: string;
  /** The URL of the Web UI; undefined for an existing server, whose UI may be anywhere. */
  readonly uiUrl: string | undefined;
  /** Undefined for an existing server. */
  readonly pid: number | undefined;
  /** Whether we started the server. */
  readonly embedded: boolean;
  /** Resolves when the embedded server's process has ended, for whatever reason. Never resolves for an existing server. */
  readonly exited: Promise<ServerExit>;
  /** Stops the embedded server. Does nothing for an existing one. May be called again. */
  stop(): Promise<void>;
}

const ANSWER_S = 5;

/**
 * Connects to the Temporal server of `TEMPORAL_ADDRESS` if that is set, else starts an embedded dev server.
 *
 * @throws when the existing server does not answer, or for the reasons of {@link startDevServer}
 */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const { env = process.env } = options;
  if (env['TEMPORAL_ADDRESS']?.trim()) return existingTemporal(env);
  return { ...(await startDevServer(options)), embedded: true };
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
    embedded: false,
    exited: new Promise(() => undefined),
    stop: () => Promise.resolve(),
  };
}
