import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { hostOf, isLoopback } from './address.js';
import { explainTemporalError } from './explain-error.js';
import { DEFAULT_ADDRESS, type TemporalTarget } from './read-target.js';

/**
 * Connects a command to Temporal.
 *
 * @throws if Temporal does not answer within five seconds, with the address that was tried
 */
export async function connectClient(
  { connectionOptions, namespace }: TemporalTarget,
  dataConverter?: DataConverter,
): Promise<Client> {
  const { address = DEFAULT_ADDRESS } = connectionOptions;
  const isHere = isLoopback(hostOf(address) ?? '');
  try {
    const options = {
      ...connectionOptions,
      connectTimeout: '5s',
      // A proxy from http_proxy is on another machine: it cannot reach what listens on this one.
      ...(isHere && { channelArgs: { 'grpc.enable_http_proxy': 0 } }),
    } as Parameters<typeof Connection.connect>[0];
    const connection = await Connection.connect(options);
    return new Client({ connection, namespace, ...(dataConverter && { dataConverter }) });
  } catch (error) {
    throw new Error(explainTemporalError(error, { connectionOptions, namespace }).sentence, { cause: error });
  }
}
