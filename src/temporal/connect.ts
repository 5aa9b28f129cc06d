import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import type { TemporalTarget } from './read-target.js';

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
