import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { loadClientConnectConfig, type ClientConnectConfig } from '@temporalio/envconfig';

const DEFAULT_NAMESPACE = 'default';

/** Where Temporal is: TEMPORAL_* and the profiles of @temporalio/envconfig, with TLS and API keys. */
export interface TemporalTarget {
  connectionOptions: ClientConnectConfig['connectionOptions'];
  namespace: string;
}

/** Reads where Temporal is from the environment and the configuration file it names. */
export function readTemporalTarget(): TemporalTarget {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  return { connectionOptions, namespace: namespace ?? DEFAULT_NAMESPACE };
}

/**
 * Connects a command to Temporal.
 *
 * @throws when Temporal does not answer within five seconds, saying where it was looked for
 */
export async function connectClient(
  { connectionOptions, namespace }: TemporalTarget,
  dataConverter?: DataConverter,
): Promise<Client> {
  const address = connectionOptions.address ?? 'localhost:7233';
  try {
    const options = { ...connectionOptions, connectTimeout: '5s' } as Parameters<
      typeof Connection.connect
    >[0];
    const connection = await Connection.connect(options);
    return new Client({ connection, namespace, ...(dataConverter && { dataConverter }) });
  } catch (error) {
    throw new Error(
      `Expected Temporal to answer at ${address}, got ${(error as Error).message}: start it, or set TEMPORAL_ADDRESS`,
      { cause: error },
    );
  }
}
