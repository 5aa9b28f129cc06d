import { Connection, type ConnectionOptions } from '@temporalio/client';
import { readTemporalTarget } from '../temporal/read-target.js';
import { reasonOf } from './progress.js';
import type { TemporalServer } from './temporal.js';

const ANSWER_S = 5;

/**
 * The server that `TEMPORAL_ADDRESS` names, with the profile, TLS and API key of the other `TEMPORAL_*` variables.
 *
 * @throws when these cannot be used, when it does not answer within 5 s, or has no such namespace
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
 * Asks the frontend for a namespace: it may accept connections before it can serve one.
 *
 * @throws when there is no answer in time, or no such namespace
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
