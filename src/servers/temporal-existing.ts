import { Connection, type ConnectionOptions } from '@temporalio/client';
import { readTemporalTarget } from '../temporal/read-target.js';
import { reasonOf } from './progress.js';
import type { TemporalServer } from './temporal.js';

const ANSWER_S = 5;

/**
 * Connects to the server of `TEMPORAL_ADDRESS`, with the profile, TLS and API key of the other `TEMPORAL_*` variables.
 *
 * @throws when these are invalid, the server does not answer within 5 s, or it has no such namespace
 */
export async function existingTemporal(env: NodeJS.ProcessEnv): Promise<TemporalServer> {
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

/**
 * Checks that the frontend serves a namespace: it may accept connections before it can.
 *
 * @throws when it does not answer in time, or has no such namespace
 */
export async function checkTemporal(
  options: ConnectionOptions,
  namespace: string,
  timeoutS: number,
): Promise<void> {
  const connection = await Connection.connect({ ...options, connectTimeout: timeoutS * 1000 });
  try {
    await connection.withDeadline(Date.now() + timeoutS * 1000, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
  } finally {
    await connection.close();
  }
}
